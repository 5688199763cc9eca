"""Finds the handler that the template names, and says clearly what is wrong where it cannot."""

import importlib
import sys
from collections.abc import Callable
from types import ModuleType

from .environment import Environment
from .failures import RuntimeFailure
from .invocation import Context, Response

Handler = Callable[[dict, Context], Response]


def load(environment: Environment) -> tuple[ModuleType, Handler]:
    module_path, dot, name = environment.handler.rpartition(".")
    if not dot or not module_path or not name:
        raise RuntimeFailure("Runtime.MalformedHandlerName", f"_HANDLER is '{environment.handler}'; it must be `module.function`")
    if environment.task_root and environment.task_root not in sys.path:
        sys.path.insert(0, environment.task_root)
    module_name = module_path.replace("/", ".")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise RuntimeFailure("Runtime.ImportModuleError", f"cannot import module '{module_name}': {error}") from error
    except SyntaxError as error:
        raise RuntimeFailure("Runtime.UserCodeSyntaxError", f"syntax error in module '{module_name}': {error}") from error
    except Exception as error:
        kind = type(error).__name__
        raise RuntimeFailure(f"Function.{kind}", f"module '{module_name}' failed while it was imported: {kind}: {error}") from error
    handler = getattr(module, name, None)
    if not callable(handler):
        raise RuntimeFailure("Runtime.HandlerNotFound", f"module '{module_name}' has no function '{name}'")
    return module, handler
