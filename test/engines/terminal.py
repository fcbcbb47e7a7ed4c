"""terminal [EXPECTED TYPED]... -- COMMAND...: runs a command on a terminal of 33 lines and 77 columns, and types each
TYPED once EXPECTED has come up since the last one. Prints how the command ended; what was on the screen is in ./screen."""

import fcntl, os, pty, struct, subprocess, sys, termios


def open_terminal():
    outer, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 77, 0, 0))
    return outer, inner


def converse(outer, steps, screen):
    pending = b""
    while True:
        try:
            data = os.read(outer, 4096)
        except OSError:  # EIO: nobody has the other side open any more
            return
        screen.write(data)
        pending += data
        while steps and steps[0][0] in pending:
            expected, typed = steps.pop(0)
            pending = pending[pending.index(expected) + len(expected) :]
            os.write(outer, typed)


def main(arguments):
    end = arguments.index("--")
    words = [word.encode().decode("unicode_escape").encode() for word in arguments[:end]]
    outer, inner = open_terminal()
    take = lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    child = subprocess.Popen(
        arguments[end + 1 :], stdin=inner, stdout=inner, stderr=inner, start_new_session=True, preexec_fn=take
    )
    os.close(inner)
    with open("screen", "wb") as screen:
        converse(outer, list(zip(words[::2], words[1::2])), screen)
    print(child.wait())


main(sys.argv[1:])
