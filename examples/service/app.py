"""Answers over HTTP: a scan is uploaded, JSON and its heat map come back.

python examples/service/app.py --ckpt_path RUN/model.pt [--host 127.0.0.1] [--port 8000]

    curl --data-binary @scan.nii.gz "http://127.0.0.1:8000/answers?name=scan.nii.gz"
    curl --output heat_map.nii.gz http://127.0.0.1:8000/heat_maps/NUMBER.nii.gz

A zip may hold several scans, as folders of slices or files; each has an answer of its own. One scan is
answered at a time; a few wait, further ones are told to come again. Nothing of a scan is kept but the last
heat maps, in memory. It asks nobody who they are: it listens to this machine alone unless told otherwise,
and what others may reach needs a server before it that knows them.
"""

import argparse
import asyncio
import itertools
import sys
import tempfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import anyio.to_thread
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from scripts import Predictor
from scripts.answering import Answer, Explanation
from scripts.errors import UserError, show_user_errors_in_one_line
from scripts.explanation import save_heat_map

KEPT = 16  # heat maps
INTENDED_USE = "research use only; not a medical device"


class Service:
    """A predictor behind a queue.

    Args:
        predictor: :class:`scripts.Predictor`.
        most_bytes: of an upload.
        most_waiting: uploads beside the one that is answered.
    """

    def __init__(self, predictor: Predictor, most_bytes: int = 2 * 2**30, most_waiting: int = 4) -> None:
        self.predictor = predictor
        self.most_bytes = most_bytes
        self.most_waiting = most_waiting
        self.taken = 0
        self.turn = asyncio.Lock()
        self.heat_maps: OrderedDict[int, bytes] = OrderedDict()
        self.numbers = itertools.count(1)

    @property
    def application(self) -> Starlette:
        """What an ASGI server runs."""
        routes = [
            Route("/health", self.health),
            Route("/answers", self.answers, methods=["POST"]),
            Route("/heat_maps/{number:int}.nii.gz", self.heat_map),
        ]
        return Starlette(routes=routes)

    async def health(self, request: Request) -> Response:
        """Say that it is there, and what it is."""
        return JSONResponse({"intended_use": INTENDED_USE, **self.predictor.settings()})

    async def answers(self, request: Request) -> Response:
        """Answer for the scans in the body; ``name`` says what its file is called."""
        if self.taken > self.most_waiting:
            return _refusal(503, f"{self.taken} scans are waiting; come again", {"Retry-After": "30"})
        name = Path(request.query_params.get("name", "")).name
        if not name.strip(".") or name.startswith("."):
            return _refusal(400, "say what the file is called: /answers?name=scan.nii.gz")
        self.taken += 1
        try:
            with tempfile.TemporaryDirectory() as folder:
                if not await self._store(request, Path(folder, name)):
                    return _refusal(413, f"{name}: larger than {self.most_bytes} bytes")
                async with self.turn:
                    found = await anyio.to_thread.run_sync(self._answer, folder)
        except UserError as mistake:
            return _refusal(422, _without(folder, str(mistake)))
        finally:
            self.taken -= 1
        if not found:
            return _refusal(422, f"{name}: holds no scan")
        return JSONResponse({"intended_use": INTENDED_USE, "answers": found})

    async def heat_map(self, request: Request) -> Response:
        """Return a heat map as NIfTI, in its scan's own geometry."""
        content = self.heat_maps.get(request.path_params["number"])
        if content is None:
            return _refusal(404, f"no such heat map; the last {KEPT} are kept")
        return Response(content, media_type="application/gzip")

    async def _store(self, request: Request, path: Path) -> bool:
        """Write the body to a file; False where it is too large."""
        size = 0
        with path.open("wb") as file:
            async for piece in request.stream():
                size += len(piece)
                if size > self.most_bytes:
                    return False
                file.write(piece)
        return True

    def _answer(self, folder: str) -> list[dict[str, Any]]:
        found = self.predictor.predict(folder, batch_size=1, explain=True)
        return [self._as_json(answer, folder) for answer in found]

    def _as_json(self, answer: Answer, folder: str) -> dict[str, Any]:
        found = {
            "name": _without(folder, answer.name),
            "prediction": answer.prediction,
            "probabilities": answer.probabilities,
            "raw_probabilities": answer.raw,
            "abstain": answer.abstain,
            "reason": _without(folder, answer.reason),
            "flags": list(answer.flags),
            "heat_map": None,
        }
        if answer.explanation is not None:
            number = next(self.numbers)
            self.heat_maps[number] = _packed(answer.explanation)
            while len(self.heat_maps) > KEPT:
                self.heat_maps.popitem(last=False)
            found["heat_map"] = f"/heat_maps/{number}.nii.gz"
        return found


def _packed(explanation: Explanation) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "heat_map.nii.gz")
        save_heat_map(explanation.steps, explanation.affine, path, explanation.target)
        return path.read_bytes()


def _without(folder: str, text: str) -> str:
    """Name a file as its sender does."""
    for place in (folder, Path(folder).name):
        text = text.replace(f"{place}/", "").replace(place, "the upload")
    return text


def _refusal(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": message}, status_code=status, headers=headers)


def main() -> None:
    """Serve the checkpoint that the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ckpt_path", required=True, help="a model.pt with its model.json, or ensemble.json")
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0: reachable from everywhere")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--most_bytes", type=int, default=2 * 2**30, help="of an upload")
    parser.add_argument("--most_waiting", type=int, default=4, help="uploads beside the one in hand")
    options = parser.parse_args()
    show_user_errors_in_one_line()
    service = Service(Predictor(options.ckpt_path), options.most_bytes, options.most_waiting)
    uvicorn.run(service.application, host=options.host, port=options.port)


if __name__ == "__main__":
    main()
