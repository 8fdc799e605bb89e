"""A plain script that asks its clients questions and waits for the answers.

    python examples/script/quiz.py 3000

No framework, no callbacks: ``emit_with_ack`` blocks the handler until the client has
answered; other clients are served meanwhile. The port may also be given as PORT. Any
client can play, for example python-socketio's::

    import socketio                        # pip install "python-socketio[client]"

    client = socketio.Client()
    client.on("question", input)           # what a handler returns is the answer
    client.connect("http://127.0.0.1:3000")
    print(client.call("play", timeout=60))
    client.disconnect()
"""

from __future__ import annotations

import os
import sys

import sockio

QUESTIONS = {
    "How many legs has a spider?": "8",
    "What is 6 times 7?": "42",
    "Which planet is the largest?": "jupiter",
}
#: Seconds for each answer.
PATIENCE = 20.0

io = sockio.Server()


@io.on("connection")
def connected(socket: sockio.Socket) -> None:
    @socket.on("play")
    def play() -> dict[str, int]:
        points = 0
        for question, right in QUESTIONS.items():
            try:
                answer = socket.timeout(PATIENCE).emit_with_ack("question", question)
            except sockio.AckTimeout:
                socket.emit("too late", question)
                continue
            if str(answer).strip().lower() == right:
                points += 1
        return {"points": points, "of": len(QUESTIONS)}


if __name__ == "__main__":
    port = int(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("PORT", "3000"))
    io.run(("127.0.0.1", port))
