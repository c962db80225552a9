"""The page of the visual Turing test (section 3.1), on the loopback address: it shows images and takes answers."""

import base64
import errno
import io
import logging
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import paper
from benchmarks.core.errors import UserError
from benchmarks.turing import scores
from benchmarks.turing.session import (
    FILE_NAMES,
    LABELS,
    TRIALS,
    Kind,
    Pool,
    Refused,
    Session,
    checked_rater,
    open_pool,
)

if TYPE_CHECKING:
    from flask import Flask

HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; img-src data: blob:; connect-src 'self'; form-action 'self'; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
}


def serve(
    kind: Kind,
    *,
    seed: int = 0,
    rater: str = "",
    port: int = 5001,
    standin: bool = False,
    stores: Path = Path("stores"),
    results: Path = Path("results/turing"),
) -> None:
    """Serve the test until Ctrl-C, to any number of raters; answers go to `results`. Port 0 takes a free one.

    Args:
        kind: what is shown beside real images: `refined`, or `synthetic` for the paper's control.
        seed: whose refiner; it also draws the images, another set for each rater.
        rater: whose page to print; any other name can be given on the page.
        standin: whether the "real" images only play that part.

    Raises:
        UserError: wrong name, store or session file (see `session`), or the port is taken.
    """
    from werkzeug.serving import make_server

    checked_rater(rater or "anyone")
    pool = open_pool(stores, kind, seed, standin=standin)
    with _listen(port) as listener:
        sessions = Sessions(pool, results)
        if rater:
            sessions.of(rater)
        server = make_server("127.0.0.1", port, create_app(sessions), threaded=True, fd=listener.fileno())
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        print(f"Visual Turing test, real against {kind}: http://127.0.0.1:{server.port}/{rater}")
        print(f"Answers go to {results}. Ctrl-C ends it; the same command goes on where it stopped.", flush=True)
        server.serve_forever()  # until Ctrl-C
        sessions.close()


class Sessions:
    """The sessions that this server holds, opened when their rater first comes."""

    def __init__(self, pool: Pool, folder: Path) -> None:
        self.pool, self.folder = pool, folder
        self._open: dict[str, Session] = {}
        self._mutex = threading.Lock()

    def of(self, rater: str) -> Session:
        """Raises UserError as `Session` does."""
        with self._mutex:
            if rater not in self._open:
                self._open[rater] = Session(self.pool, self.folder, rater)
            return self._open[rater]

    def summary(self) -> dict[str, Any]:
        """What all raters of this kind of session show."""
        paths = self.folder.glob(FILE_NAMES[self.pool.kind].format("*"))
        return scores.summarise(paths)[self.pool.kind]

    def close(self) -> None:
        """Release all files."""
        for session in self._open.values():
            session.close()


def create_app(sessions: Sessions) -> "Flask":
    """The page of each rater, the image that they are to judge, and where their answers go.

    Nothing that it sends before a session's end depends on which image is real, but the pixels: all images are PNGs
    of one length, and only the one whose turn it is can be had.
    """
    from flask import Flask, Response, redirect, render_template, request
    from werkzeug.wrappers import Response as Redirection

    app = Flask(__name__)
    app.config["TRUSTED_HOSTS"] = ["127.0.0.1", "localhost"]
    pool = sessions.pool
    shared = {"kind": pool.kind, "standin": pool.standin, "each": TRIALS[pool.kind]}

    @app.get("/")
    def start() -> str | Redirection:
        if rater := request.args.get("rater", "").strip().lower():
            return redirect(f"/{checked_rater(rater)}", 303)
        return render_template("start.html", **shared)

    @app.get("/<rater>")
    def page(rater: str) -> str:
        session = sessions.of(rater)
        if session.done:
            return render_template("result.html", session=session, **_results(sessions, rater), **shared)
        examples = {label: [_uri(pool.image(shown)) for shown in session.plan.examples[label]] for label in LABELS}
        return render_template("trial.html", session=session, examples=examples, **shared)

    @app.get("/<rater>/image/<int:position>")
    def image(rater: str, position: int) -> Response:
        session = sessions.of(rater)
        if position != session.position or session.done:
            return Response("not the image that is to be judged now", 404)
        return Response(png(pool.image(session.plan.trials[position])), mimetype="image/png")

    @app.post("/<rater>/answers/<int:position>")
    def answer(rater: str, position: int) -> tuple[dict[str, Any], int]:
        session = sessions.of(rater)
        sent = request.get_json()  # nothing but JSON: a form of another site cannot answer
        try:
            session.answer(position, str(sent.get("choice")) if isinstance(sent, dict) else "")
        except Refused as refusal:
            return {"position": session.position, "message": f"Not counted: {refusal}."}, 409
        return {"position": session.position}, 200

    @app.errorhandler(UserError)
    def mendable(error: UserError) -> tuple[str, int] | tuple[dict[str, str], int]:
        if request.method == "POST":
            return {"message": str(error)}, 409
        return render_template("start.html", message=str(error), **shared), 409

    @app.errorhandler(OSError)
    def unwritable(error: OSError) -> tuple[dict[str, str], int]:
        reason = "no free disk space" if error.errno == errno.ENOSPC else error.strerror
        return {"message": f"Your answer is not kept yet, {error.filename} cannot be written: {reason}."}, 507

    @app.after_request
    def add_headers(response: Response) -> Response:
        response.headers.update(HEADERS)
        return response

    return app


def png(image: np.ndarray) -> bytes:
    """Uncompressed: a smaller file would tell the smoother image."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(image).save(file, format="png", compress_level=0)
    return file.getvalue()


def _uri(image: np.ndarray) -> str:
    return f"data:image/png;base64,{base64.b64encode(png(image)).decode('ascii')}"


def _results(sessions: Sessions, rater: str) -> dict[str, Any]:
    """What the last page shows: this rater's answers, everyone's if there are others, and the paper's."""
    table1 = paper.published()["table1"]
    control = table1["original_synthetic_vs_real"]
    everyone = sessions.summary()
    judged = {"You": scores.summarise([sessions.of(rater).path])[sessions.pool.kind]}
    if len(everyone["raters"]) > 1:
        judged[f"All {len(everyone['raters'])} raters"] = everyone
    judged["Published, 10 raters"] = (
        scores.judge(table1)
        if sessions.pool.kind == "refined"
        else scores.against_chance(control["correct"], control["trials"])
    )
    lines = {name: scores.lines(result) for name, result in judged.items()}
    return {
        "judged": judged,
        "lines": lines,
        "measures": list(dict.fromkeys(measure for told in lines.values() for measure in told)),
        "finding": scores.finding(judged["You"]),
        "image_sets": everyone["image_sets"],
    }


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()
    except (OSError, OverflowError) as error:
        listener.close()
        reason = error.strerror if isinstance(error, OSError) else "no port has this number"
        raise UserError(f"port {port}: {reason}; choose another with --port") from None
    return listener
