"""How a report's page looks."""

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #5b6570; --line: #d9dee3; --paper: #ffffff; --tile: #f4f6f8 }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaee; --soft: #9aa5b0; --line: #343b43; --paper: #14181c; --tile: #1e242a } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 24px; max-width: 1100px; font: 15px/1.45 system-ui, sans-serif }
body { color: var(--ink); background: var(--paper) }
h1 { margin: 0; font-size: 24px; overflow-wrap: anywhere }
h2 { margin: 28px 0 6px; font-size: 17px }
header p, footer, small, section p { color: var(--soft) }
header p { margin: 2px 0 18px }
header strong { color: var(--ink) }
footer { margin-top: 28px; border-top: 1px solid var(--line); font-size: 13px }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(215px, 1fr)); gap: 10px; margin: 0 }
dl div { padding: 10px 12px; background: var(--tile); border-radius: 6px }
dt { font-size: 13px; color: var(--soft) }
dd { margin: 0; font-size: 22px; font-variant-numeric: tabular-nums }
section { overflow-x: auto }
small { display: block; font-size: 13px }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: 5px 8px; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap }
thead th { font-size: 13px; font-weight: 500; color: var(--soft) }
th:first-child { min-width: 9em; padding-left: 0; text-align: left; font-weight: 400; white-space: normal; overflow-wrap: anywhere }
th:last-child, td:last-child { padding-right: 0 }
@media (max-width: 700px) {
  body { padding: 14px }
  dl { grid-template-columns: 1fr 1fr }
  .minor { display: none }
  th, td { padding: 5px 3px; font-size: 14px }
  th:first-child { min-width: 6em }
}
@media print {
  body { padding: 0; max-width: none; font-size: 10pt }
  dl div { border: 1px solid var(--line) }
  tr, dl div { break-inside: avoid }
  h2 { break-after: avoid }
}
"""
