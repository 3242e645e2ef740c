"""Starts the engine again and again, quickly: everything is loaded once, and each start is a fork of it.

Every line read names the place where the next engine is to die, or is empty. Its process number is answered, and when
it has ended, how: the signal, or 0.
"""

import os
import sys


def main() -> None:
    from rallypoint.edges.ops.roles import run_engine
    from rallypoint.settings import Settings

    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            os.dup2(2, 1)  # what it prints is no answer of ours
            os.environ["RALLYPOINT_CRASHPOINT"] = line.strip()
            run_engine(Settings())
            os._exit(0)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
