"""`SummaryWriter`: event files for TensorBoard, written with the `tensorboard` package (`pip install
rushlight[tensorboard]`).
"""

from __future__ import annotations

import os
import time
from typing import Any

import rushlight as torch

__all__ = ["FileWriter", "SummaryWriter"]


def _package() -> Any:
    """The parts of the package that write files."""
    try:
        from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, tensor_shape_pb2
        from tensorboard.summary.writer import event_file_writer
    except ImportError as error:
        raise ModuleNotFoundError(
            "utils.tensorboard.SummaryWriter needs the package tensorboard: pip install 'rushlight[tensorboard]'",
            name="tensorboard",
        ) from error
    return event_pb2, summary_pb2, tensor_pb2, tensor_shape_pb2, event_file_writer


def _array(value: Any) -> Any:
    import numpy as np

    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        if value.dtype == torch.bfloat16:
            value = value.float()
        return value.numpy()
    return np.asarray(value)


def _number(value: Any) -> float:
    array = _array(value)
    if array.size != 1:
        raise AssertionError(f"add_scalar: scalar_value should have one element, got shape {list(array.shape)}")
    return float(array.reshape(()))


class FileWriter:
    """Writes events into a folder."""

    def __init__(self, log_dir: str, max_queue: int = 10, flush_secs: int = 120, filename_suffix: str = "") -> None:
        self._proto = _package()
        self._log_dir = str(log_dir)
        self.event_writer = self._proto[-1].EventFileWriter(self._log_dir, max_queue, flush_secs, filename_suffix)

    def get_logdir(self) -> str:
        """The folder."""
        return self._log_dir

    def add_summary(self, summary: Any, global_step: int | None = None, walltime: float | None = None) -> None:
        """Writes a summary."""
        event = self._proto[0].Event(summary=summary)
        event.wall_time = time.time() if walltime is None else walltime
        if global_step is not None:
            event.step = int(global_step)
        self.event_writer.add_event(event)

    def flush(self) -> None:
        """Writes what waits."""
        self.event_writer.flush()

    def close(self) -> None:
        """Ends the file."""
        self.event_writer.close()


class SummaryWriter:
    """Writes scalars, histograms, images, text and hyperparameters for TensorBoard.

    Args:
        log_dir: the folder; default: `runs/<time>_<host>` with `comment` behind it.

    Raises:
        ModuleNotFoundError: without the package tensorboard.

    Example::

        >>> writer = SummaryWriter()
        >>> writer.add_scalar("loss", loss, step)
        >>> writer.close()
    """

    def __init__(
        self,
        log_dir: str | os.PathLike | None = None,
        comment: str = "",
        purge_step: int | None = None,
        max_queue: int = 10,
        flush_secs: int = 120,
        filename_suffix: str = "",
    ) -> None:
        if not log_dir:
            import socket

            log_dir = os.path.join("runs", time.strftime("%b%d_%H-%M-%S") + "_" + socket.gethostname() + comment)
        self.log_dir = os.fspath(log_dir)
        self.purge_step = purge_step
        self._options = (max_queue, flush_secs, filename_suffix)
        self._writers: dict[str, FileWriter] = {}
        self._get_file_writer()

    def _get_file_writer(self, folder: str = "") -> FileWriter:
        writer = self._writers.get(folder)
        if writer is None:
            writer = self._writers[folder] = FileWriter(
                os.path.join(self.log_dir, folder) if folder else self.log_dir, *self._options
            )
            if self.purge_step is not None:
                event_pb2 = writer._proto[0]
                event = event_pb2.Event(step=self.purge_step, wall_time=time.time())
                event.session_log.status = event_pb2.SessionLog.START
                writer.event_writer.add_event(event)
        return writer

    @property
    def file_writer(self) -> FileWriter:
        """The writer of the folder itself."""
        return self._get_file_writer()

    def get_logdir(self) -> str:
        """The folder."""
        return self.log_dir

    def _write(self, value: Any, step: int | None, walltime: float | None, folder: str = "") -> None:
        writer = self._get_file_writer(folder)
        writer.add_summary(writer._proto[1].Summary(value=[value]), step, walltime)

    def _value(self, **fields: Any) -> Any:
        return self.file_writer._proto[1].Summary.Value(**fields)

    def add_scalar(
        self,
        tag: str,
        scalar_value: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        new_style: bool = False,
        double_precision: bool = False,
    ) -> None:
        """Writes one number."""
        self._write(self._value(tag=tag, simple_value=_number(scalar_value)), global_step, walltime)

    def add_scalars(
        self,
        main_tag: str,
        tag_scalar_dict: dict[str, Any],
        global_step: int | None = None,
        walltime: float | None = None,
    ) -> None:
        """Writes several numbers to show in one diagram, each into a folder of its own."""
        for tag, value in tag_scalar_dict.items():
            folder = f"{main_tag.replace('/', '_')}_{tag}"
            self._write(self._value(tag=main_tag, simple_value=_number(value)), global_step, walltime, folder)

    def add_histogram(
        self,
        tag: str,
        values: Any,
        global_step: int | None = None,
        bins: str | int = "tensorflow",
        walltime: float | None = None,
        max_bins: int | None = None,
    ) -> None:
        """Writes how values are distributed.

        Raises:
            ValueError: if there are none.
        """
        import numpy as np

        array = _array(values).astype(np.float64).reshape(-1)
        if array.size == 0:
            raise ValueError("add_histogram: the input has no element")
        if bins == "tensorflow":
            positive = [1e-12]
            while positive[-1] < 1e20:
                positive.append(positive[-1] * 1.1)
            edges = np.array([-b for b in reversed(positive)] + [0.0] + positive)
        else:
            edges = bins
        counts, limits = np.histogram(array, bins=edges)
        filled = np.flatnonzero(counts)
        if filled.size:
            first, last = int(filled[0]), int(filled[-1]) + 1
            counts = np.concatenate([[0], counts[first:last]]) if first == 0 else counts[first - 1 : last]
            limits = limits[first : last + 1]
            if counts.size < limits.size:
                counts = np.concatenate([[0], counts])
            counts = counts[: limits.size]
        histogram = self.file_writer._proto[1].HistogramProto(
            min=array.min(),
            max=array.max(),
            num=array.size,
            sum=array.sum(),
            sum_squares=array.dot(array),
            bucket_limit=limits.tolist(),
            bucket=counts.tolist(),
        )
        self._write(self._value(tag=tag, histo=histogram), global_step, walltime)

    def add_image(
        self,
        tag: str,
        img_tensor: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        dataformats: str = "CHW",
    ) -> None:
        """Writes an image: bytes, or floats in [0, 1], laid out as `dataformats` says ("CHW", "HWC", "HW")."""
        array = _pixels(_array(img_tensor), dataformats)
        height, width, channels = array.shape
        image = self.file_writer._proto[1].Summary.Image(
            height=height, width=width, colorspace=channels, encoded_image_string=_png(array)
        )
        self._write(self._value(tag=tag, image=image), global_step, walltime)

    def add_images(
        self,
        tag: str,
        img_tensor: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        dataformats: str = "NCHW",
    ) -> None:
        """Writes several images side by side."""
        import numpy as np

        array = _array(img_tensor)
        order = [dataformats.upper().index(c) for c in "NHWC"]
        array = array.transpose(order)
        columns = min(8, array.shape[0])
        rows = -(-array.shape[0] // columns)
        grid = np.zeros((rows * array.shape[1], columns * array.shape[2], array.shape[3]), array.dtype)
        for number, picture in enumerate(array):
            y, x = divmod(number, columns)
            grid[y * array.shape[1] : (y + 1) * array.shape[1], x * array.shape[2] : (x + 1) * array.shape[2]] = picture
        self.add_image(tag, grid, global_step, walltime, dataformats="HWC")

    def add_figure(
        self, tag: str, figure: Any, global_step: int | None = None, close: bool = True, walltime: float | None = None
    ) -> None:
        """Writes one or several figures of matplotlib."""
        import numpy as np

        for one in figure if isinstance(figure, list) else [figure]:
            one.canvas.draw()
            self.add_image(tag, np.asarray(one.canvas.buffer_rgba())[..., :3], global_step, walltime, dataformats="HWC")
            if close:
                import matplotlib.pyplot as plt

                plt.close(one)

    def add_text(
        self, tag: str, text_string: str, global_step: int | None = None, walltime: float | None = None
    ) -> None:
        """Writes text, in Markdown."""
        _, summary_pb2, tensor_pb2, shape_pb2, _ = self.file_writer._proto
        data = summary_pb2.SummaryMetadata.PluginData(plugin_name="text", content=b"")
        shape = shape_pb2.TensorShapeProto(dim=[shape_pb2.TensorShapeProto.Dim(size=1)])
        tensor = tensor_pb2.TensorProto(dtype="DT_STRING", string_val=[str(text_string).encode()], tensor_shape=shape)
        value = self._value(
            tag=f"{tag}/text_summary", metadata=summary_pb2.SummaryMetadata(plugin_data=data), tensor=tensor
        )
        self._write(value, global_step, walltime)

    def add_hparams(
        self,
        hparam_dict: dict[str, Any],
        metric_dict: dict[str, Any],
        hparam_domain_discrete: Any = None,
        run_name: str | None = None,
        global_step: int | None = None,
    ) -> None:
        """Writes hyperparameters and the results with them, in a folder of their own."""
        from tensorboard.plugins.hparams import summary_v2 as hp

        folder = run_name or str(time.time())
        writer = self._get_file_writer(folder)
        writer.add_summary(hp.hparams_pb(dict(hparam_dict)), global_step)
        for tag, value in metric_dict.items():
            self._write(self._value(tag=tag, simple_value=_number(value)), global_step, None, folder)

    def add_graph(
        self, model: Any, input_to_model: Any = None, verbose: bool = False, use_strict_trace: bool = True
    ) -> None:
        """Would write the graph of a model. Raises NotImplementedError."""
        raise NotImplementedError(
            "SummaryWriter.add_graph needs tracing, which is not in Rushlight yet; add_text(repr(model)) shows its "
            "modules"
        )

    def add_embedding(self, mat: Any, *args: Any, **kwargs: Any) -> None:
        """Would write points for the projector. Raises NotImplementedError."""
        raise NotImplementedError(
            "SummaryWriter.add_embedding is not in Rushlight yet; add_histogram and add_image are"
        )

    def flush(self) -> None:
        """Writes what waits."""
        for writer in self._writers.values():
            writer.flush()

    def close(self) -> None:
        """Ends the files."""
        for writer in self._writers.values():
            writer.flush()
            writer.close()
        self._writers = {}

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _pixels(array: Any, dataformats: str) -> Any:
    """Bytes in the order height, width, channel."""
    import numpy as np

    order = dataformats.upper()
    if len(order) != array.ndim or set(order) - set("CHW"):
        raise AssertionError(
            f"size of tensor and format are different: shape {list(array.shape)}, dataformats {dataformats!r}"
        )
    if "C" not in order:
        array, order = array[..., None], order + "C"
    array = array.transpose([order.index(c) for c in "HWC"])
    if array.dtype != np.uint8:
        array = np.clip(array * 255.0, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(array)


def _png(array: Any) -> bytes:
    """The bytes of a PNG file."""
    import struct
    import zlib

    height, width, channels = array.shape
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + array[y].tobytes() for y in range(height))
    head = struct.pack(">2I5B", width, height, 8, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
