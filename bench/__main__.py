"""`python -m bench` (make bench): each benchmark, one after the other."""

from . import init_imports, upstream_client, warm_request

for bench in (init_imports, upstream_client, warm_request):
    print(f"\n{(bench.__doc__ or '').splitlines()[0]}\n", flush=True)
    bench.main()
