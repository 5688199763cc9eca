"""`python -m bench` (make bench): each benchmark, one after the other."""

from . import cache, decide, first_requests, init_imports, translation, upstream_client, warm_request

for bench in (translation, decide, init_imports, first_requests, upstream_client, warm_request, cache):
    print(f"\n{(bench.__doc__ or '').splitlines()[0]}\n", flush=True)
    bench.main()
