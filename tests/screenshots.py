"""`make screenshots`: save screenshots of the page in docs/img, always of the same synthetic posts. Needs Chromium."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from PIL import Image

from deploy.local import stack
from tests.integration import browser
from tests.integration.pipeline import Pipeline

FOLDER = Path(__file__).parents[1] / "docs" / "img"
PICTURES = (("watch", 1280, "light", 1560), ("watch-dark", 1280, "dark", 1560), ("watch-phone", 360, "light", 1700))
MOST_BYTES = 200_000


def main() -> None:
    """Blocks for a minute or two."""
    with tempfile.TemporaryDirectory() as folder, stack.running(Path(folder) / "stack") as addresses:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HASHTIDE_")} | {
            "HASHTIDE_KAFKA": addresses.kafka,
            "HASHTIDE_ELASTICSEARCH": addresses.elasticsearch,
            "HASHTIDE_STATE_DIR": folder,
        }
        pipeline = Pipeline(environment, Path(folder))
        pipeline.hashtide("setup")
        # 29 of its 48 hours are over, at the peak of the second day's wave; later posts are refused.
        start = datetime.now(UTC) - timedelta(hours=29, minutes=10)
        with pipeline.worker():
            pipeline.hashtide("produce", "campaign", "--posts=60000", f"--start={start:%Y-%m-%dT%H:%M}")
            pipeline.settle()
        command = [sys.executable, "-m", "operations.cli", "watch", "--port=0", "--span=48h", "--campaign=metoo"]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as page:
            assert page.stdout is not None
            address = page.stdout.readline().split()[-1]
            _take(address)
            page.send_signal(signal.SIGINT)


def _take(address: str) -> None:
    FOLDER.mkdir(exist_ok=True)
    with browser.chromium() as driver:
        for name, width, scheme, height in PICTURES:
            browser.resize(driver, width, height)
            browser.colours(driver, scheme)
            driver.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
            driver.get(address)
            time.sleep(5)  # until numbers, fonts and chart are loaded
            path = FOLDER / f"{name}.png"
            driver.save_screenshot(str(path))
            # Few colours: a palette reduces the size to a third.
            Image.open(path).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
            size = path.stat().st_size
            print(f"{path.relative_to(FOLDER.parents[1])}: {size:,} bytes")
            assert size < MOST_BYTES, f"{path} is too large for the repository"


if __name__ == "__main__":
    main()
