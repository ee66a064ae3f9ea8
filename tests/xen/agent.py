"""Our end of the connection to the agent in dom0 (programs/agent.c says what travels)."""

from __future__ import annotations

import os
import signal
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from emulator import PATIENCE

HELLO, RUN, SIGNAL, INPUT, STARTED, OUTPUT, ERRORS, EXIT = range(1, 9)
HEAD = struct.Struct("<III")


class Failed(AssertionError):
    """A command did not do what the test needs; the message has what it said."""


@dataclass(frozen=True)
class Completed:
    status: int
    stdout: str
    stderr: str


@dataclass
class Command:
    """A command that runs in dom0."""

    agent: "Agent"
    number: int
    text: str
    pid: int = 0  # of its shell, or of what the shell exec'ed; its process group has the same number
    status: int | None = None
    _output: bytearray = field(default_factory=bytearray)
    _errors: bytearray = field(default_factory=bytearray)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def stdout(self) -> str:
        return self._output.decode(errors="replace")

    @property
    def stderr(self) -> str:
        return self._errors.decode(errors="replace")

    def poll(self) -> int | None:
        """Its exit status, None while it runs."""
        return self.status

    def kill(self, number: int = signal.SIGTERM) -> None:
        """Sends the signal to its process group."""
        self.agent.send(self.number, SIGNAL, bytes([number]))

    def write(self, text: str) -> None:
        self.agent.send(self.number, INPUT, text.encode())

    def close_input(self) -> None:
        self.agent.send(self.number, INPUT, b"")

    def wait(self, timeout: float = 120) -> Completed:
        self._wait_for(lambda: self.status is not None, timeout, "has not ended")
        assert self.status is not None
        return Completed(self.status, self.stdout, self.stderr)

    def wait_output(self, text: str, timeout: float = 120) -> str:
        """Waits until its standard output holds the text. The output so far."""
        self._wait_for(lambda: text in self.stdout or self.status is not None, timeout, f"has not said '{text}'")
        if text not in self.stdout:
            raise self.failed(f"ended with {self.status} and has not said '{text}'")
        return self.stdout

    def wait_errors(self, text: str, timeout: float = 120) -> str:
        """The same for its standard error."""
        self._wait_for(lambda: text in self.stderr or self.status is not None, timeout, f"has not said '{text}'")
        if text not in self.stderr:
            raise self.failed(f"ended with {self.status} and has not said '{text}'")
        return self.stderr

    def failed(self, what: str) -> Failed:
        return Failed(f"in dom0: {self.text}: {what}\nstdout: {self.stdout}\nstderr: {self.stderr}")

    def _wait_for(self, condition, timeout: float, what: str) -> None:
        deadline = time.monotonic() + timeout * PATIENCE
        with self._changed:
            while not condition():
                left = deadline - time.monotonic()
                if left <= 0 or self.agent.lost:
                    why = "dom0 is gone" if self.agent.lost else f"within {timeout:.0f} s"
                    raise self.failed(f"{what} ({why})")
                self._changed.wait(min(left, 0.5))

    def _take(self, kind: int, payload: bytes) -> None:
        with self._changed:
            if kind == STARTED:
                (self.pid,) = struct.unpack("<I", payload)
            elif kind == OUTPUT:
                self._output += payload
            elif kind == ERRORS:
                self._errors += payload
            elif kind == EXIT:
                (self.status,) = struct.unpack("<I", payload)
            self._changed.notify_all()


class Agent:
    """A connection. Closing it kills the commands that still run."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._sending = threading.Lock()
        self._commands: dict[int, Command] = {}
        self._number = 0
        self.lost = False
        self._reader = threading.Thread(target=self._read, daemon=True)

    @classmethod
    def meet(cls, path: Path, patience: float = 2) -> "Agent | None":
        """Connects, None when nobody answers. What the agent sent before our greeting comes back is an earlier
        connection's."""
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(patience)
        nonce = os.urandom(16)
        try:
            connection.connect(str(path))
            connection.sendall(HEAD.pack(0, HELLO, len(nonce)) + nonce)
            seen = b""
            while not seen.endswith(nonce):
                if not (more := connection.recv(65536)):
                    raise OSError
                seen = (seen + more)[-65552:]
        except OSError:
            connection.close()
            return None
        connection.settimeout(None)
        agent = cls(connection)
        agent._reader.start()
        return agent

    def send(self, number: int, kind: int, payload: bytes) -> None:
        with self._sending:
            self._connection.sendall(HEAD.pack(number, kind, len(payload)) + payload)

    def start(self, text: str) -> Command:
        self._number += 1
        command = self._commands[self._number] = Command(self, self._number, text)
        self.send(command.number, RUN, text.encode())
        return command

    def run(self, text: str, timeout: float = 120, check: bool = False) -> Completed:
        command = self.start(text)
        command.close_input()
        try:
            done = command.wait(timeout)
        except Failed:
            if not self.lost:
                command.kill(signal.SIGKILL)
            raise
        if check and done.status != 0:
            raise command.failed(f"ended with {done.status}")
        return done

    def close(self) -> None:
        try:
            self._connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._connection.close()
        self._reader.join(5)

    def _exactly(self, size: int) -> bytes:
        parts = bytearray()
        while len(parts) < size:
            if not (more := self._connection.recv(size - len(parts))):
                raise OSError("end")
            parts += more
        return bytes(parts)

    def _read(self) -> None:
        try:
            while True:
                number, kind, length = HEAD.unpack(self._exactly(HEAD.size))
                payload = self._exactly(length)
                if command := self._commands.get(number):
                    command._take(kind, payload)
                    if kind == EXIT:
                        del self._commands[number]
        except OSError:
            self.lost = True
