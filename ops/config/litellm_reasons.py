"""What of LiteLLM's configuration has no place here, and why: tables of its keys, and what to do instead."""

from collections.abc import Mapping
from typing import Any

from signalbox.config.source import Path

from .foreign import Foreign

# Paths that have no place here, and why; * is any name. What is neither here nor read is listed as unknown.
SETTINGS: Mapping[tuple[str, ...], str] = {
    ("general_settings", "master_key"): "keys are minted here: POST /admin/keys, and `signalbox admin-key NAME` for operators",
    ("general_settings", "database_url"): "no database is needed",
    ("general_settings", "store_model_in_db"): "models stand in the document alone; `signalbox config publish` changes them",
    ("general_settings", "alerting"): "alerts go to the stage's SNS topic",
    ("general_settings", "max_parallel_requests"): "a target's own concurrency is its capacity: models, capacity.concurrency",
    ("general_settings", "*"): "is of LiteLLM's own server",
    ("environment_variables", "*"): "is neither written nor shown: keys of providers are stored by `signalbox secrets set`",
    ("litellm_settings", "drop_params"): "what a target cannot serve is refused before a call, or sent to one that can",
    ("litellm_settings", "cache"): "answers are kept where a route or a policy says so: cache: {ttl_s: …}",
    ("litellm_settings", "cache_params"): "answers are kept where a route or a policy says so: cache: {ttl_s: …}",
    ("litellm_settings", "callbacks"): "usage goes to the bus as UsageRecorded: subscribe to it",
    ("litellm_settings", "success_callback"): "usage goes to the bus as UsageRecorded: subscribe to it",
    ("litellm_settings", "failure_callback"): "usage goes to the bus as UsageRecorded: subscribe to it",
    ("litellm_settings", "service_callback"): "the functions' metrics are CloudWatch's",
    ("litellm_settings", "set_verbose"): "logs are structured, at the level of the stack's parameter",
    ("litellm_settings", "json_logs"): "logs are JSON as they are",
    ("litellm_settings", "turn_off_message_logging"): "no prompt and no answer is ever logged",
    ("litellm_settings", "redact_user_api_key_info"): "no key is ever logged",
    ("litellm_settings", "max_budget"): "set a budget: POST /admin/budgets",
    ("litellm_settings", "budget_duration"): "set a budget: POST /admin/budgets",
    ("litellm_settings", "telemetry"): "nothing is told to anybody",
    ("router_settings", "redis_host"): "no Redis is needed: what containers share is in DynamoDB",
    ("router_settings", "redis_port"): "no Redis is needed: what containers share is in DynamoDB",
    ("router_settings", "redis_password"): "no Redis is needed: what containers share is in DynamoDB",
    ("router_settings", "redis_url"): "no Redis is needed: what containers share is in DynamoDB",
    ("router_settings", "enable_pre_call_checks"): "windows are always checked before a call",
    ("router_settings", "enable_tag_filtering"): "write a policy on tags",
    ("router_settings", "disable_cooldowns"): "circuits cannot be switched off; raise circuits.consecutive_failures",
    ("router_settings", "retry_after"): "waits are what the provider asks for, else jittered",
    ("router_settings", "provider_budget_config"): "set a budget for the scope provider: POST /admin/budgets",
    ("router_settings", "routing_strategy_args"): "strategies take no arguments here",
    ("router_settings", "set_verbose"): "logs are structured, at the level of the stack's parameter",
    ("guardrails",): "guardrails are chosen under guardrails: of the document; redact is shipped",
    ("callback_settings",): "usage goes to the bus as UsageRecorded: subscribe to it",
    ("mcp_servers",): "tools are the client's own",
    ("include",): "only this file is read: import the others by themselves",
}

_REQUEST = "a request says it itself here; there is none to be assumed"
_ROLE = "calls are signed with the function's own role: no key of AWS is taken"
_ENTRA = "store the service principal as JSON: signalbox secrets set azure, with auth: entra at the provider"
PARAMS: Mapping[str, str] = {
    **dict.fromkeys(("temperature", "top_p", "max_tokens", "max_completion_tokens", "stop", "seed", "stream", "n", "user"), _REQUEST),
    **dict.fromkeys(("presence_penalty", "frequency_penalty", "response_format", "reasoning_effort", "thinking", "extra_body"), _REQUEST),
    **dict.fromkeys(("aws_access_key_id", "aws_secret_access_key", "aws_session_token", "aws_role_name", "aws_profile_name"), _ROLE),
    **dict.fromkeys(("aws_session_name", "aws_web_identity_token", "aws_bedrock_runtime_endpoint"), _ROLE),
    **dict.fromkeys(("tenant_id", "client_id", "client_secret", "azure_ad_token", "azure_scope"), _ENTRA),
    "vertex_credentials": "store the service account's JSON: signalbox secrets set vertex",
    "extra_headers": "no headers are added to a call here",
    "headers": "no headers are added to a call here",
    "organization": "a key of that organisation's own is what says it",
    "tags": "write a policy on tags",
    "drop_params": "what a target cannot serve is refused before a call, or sent to one that can",
    "additional_drop_params": "what a target cannot serve is refused before a call, or sent to one that can",
    "cache_control_injection_points": "a request marks itself what is to be cached",
    "mock_response": "nothing is answered here without a call; `make run` has simulated providers",
    "max_budget": "set a budget: POST /admin/budgets",
    "budget_duration": "set a budget: POST /admin/budgets",
}
INFO: Mapping[str, str] = {
    "id": "a target's name is its id here",
    "access_groups": "which models a key may ask for stands at the key: POST /admin/keys",
    "health_check_model": "a circuit's probes are requests, and the health check asks each provider by itself",
    "health_check_timeout": "timeouts.health_check_s holds for all",
    "litellm_provider": "follows from the model's name",
    "db_model": "has no meaning here",
}


def leave_settings(foreign: Foreign) -> None:
    for pattern, why in SETTINGS.items():
        rows = foreign.data.get(pattern[0])
        if rows is None:
            continue
        if len(pattern) == 1:
            foreign.leave(pattern, why)
        for name in rows if isinstance(rows, dict) and len(pattern) == 2 else ():
            if pattern[1] == name or (pattern[1] == "*" and (pattern[0], name) not in SETTINGS):
                foreign.leave((pattern[0], name), why)


def leave_row(foreign: Foreign, path: Path, params: Mapping[str, Any], info: Any) -> None:
    for name in params:
        if name in PARAMS:
            foreign.leave((*path, "litellm_params", name), PARAMS[name])
    for name in info if isinstance(info, dict) else ():
        if name in INFO:
            foreign.leave((*path, "model_info", name), INFO[name])
