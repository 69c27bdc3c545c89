"""`SummaryWriter`: writes event files, which TensorBoard shows."""

from __future__ import annotations

import os
import time
from typing import Any

import rushlight as torch

from . import summary as _summary
from ._events import EventFile, event, field

__all__ = ["FileWriter", "SummaryWriter"]


class FileWriter:
    """Writes summaries into a folder."""

    def __init__(
        self, log_dir: str | os.PathLike, max_queue: int = 10, flush_secs: int = 120, filename_suffix: str = ""
    ) -> None:
        self._log_dir = os.fspath(log_dir)
        self.event_writer = EventFile(self._log_dir, max_queue, flush_secs, filename_suffix)

    def get_logdir(self) -> str:
        """The folder."""
        return self._log_dir

    def add_event(self, event_bytes: bytes) -> None:
        """Writes an encoded `Event`."""
        self.event_writer.write(event_bytes)

    def add_summary(self, summary: Any, global_step: int | None = None, walltime: float | None = None) -> None:
        """Writes an encoded `Summary` (or a message that can encode itself)."""
        data = summary if isinstance(summary, bytes) else summary.SerializeToString()
        self.add_event(event(field(5, data), global_step, walltime))

    def flush(self) -> None:
        """Writes out what waits."""
        self.event_writer.flush()

    def close(self) -> None:
        """Ends the file."""
        self.event_writer.close()

    def reopen(self) -> None:
        """Nothing to do: a closed file is opened again when an event comes."""


class SummaryWriter:
    """Writes scalars, histograms, pictures, sound, text and hyperparameters for TensorBoard.

    Args:
        log_dir: the folder; default: `runs/<time>_<host>` with `comment` behind it.
        comment: what stands behind the default folder's name.
        purge_step: steps from this one on that were written before are to be hidden.
        max_queue: how many events wait before they are written out.
        flush_secs: how long they wait at most.
        filename_suffix: what stands behind the file's name.

    Example::

        >>> import tempfile
        >>> with SummaryWriter(tempfile.mkdtemp()) as writer:
        ...     writer.add_scalar("loss", 0.5, 1)
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
        self.max_queue, self.flush_secs, self.filename_suffix = max_queue, flush_secs, filename_suffix
        self.all_writers: dict[str, FileWriter] | None = {}
        self._get_file_writer()

    def _get_file_writer(self, folder: str = "") -> FileWriter:
        if self.all_writers is None:
            self.all_writers = {}
        writer = self.all_writers.get(folder)
        if writer is None:
            path = os.path.join(self.log_dir, folder) if folder else self.log_dir
            writer = FileWriter(path, self.max_queue, self.flush_secs, self.filename_suffix)
            self.all_writers[folder] = writer
            if self.purge_step is not None:
                writer.add_event(event(field(7, field(1, 1)), self.purge_step))  # a session log: start
                self.purge_step = None
        return writer

    @property
    def file_writer(self) -> FileWriter:
        """The writer of the folder itself."""
        return self._get_file_writer()

    def get_logdir(self) -> str:
        """The folder."""
        return self.log_dir

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
        data = _summary.scalar(tag, scalar_value, new_style, double_precision)
        self._get_file_writer().add_summary(data, global_step, walltime)

    def add_scalars(
        self,
        main_tag: str,
        tag_scalar_dict: dict[str, Any],
        global_step: int | None = None,
        walltime: float | None = None,
    ) -> None:
        """Writes several numbers to show in one diagram, each into a folder of its own."""
        walltime = time.time() if walltime is None else walltime
        for tag, value in tag_scalar_dict.items():
            folder = f"{main_tag.replace('/', '_')}_{tag}"
            self._get_file_writer(folder).add_summary(_summary.scalar(main_tag, value), global_step, walltime)

    def add_tensor(
        self, tag: str, tensor: torch.Tensor, global_step: int | None = None, walltime: float | None = None
    ) -> None:
        """Writes a whole tensor."""
        self._get_file_writer().add_summary(_summary.tensor_proto(tag, tensor), global_step, walltime)

    def add_histogram(
        self,
        tag: str,
        values: Any,
        global_step: int | None = None,
        bins: Any = "tensorflow",
        walltime: float | None = None,
        max_bins: int | None = None,
    ) -> None:
        """Writes how values are distributed.

        Raises:
            ValueError: if there are none.
        """
        self._get_file_writer().add_summary(_summary.histogram(tag, values, bins, max_bins), global_step, walltime)

    def add_histogram_raw(
        self,
        tag: str,
        min: float,
        max: float,
        num: int,
        sum: float,
        sum_squares: float,
        bucket_limits: Any,
        bucket_counts: Any,
        global_step: int | None = None,
        walltime: float | None = None,
    ) -> None:
        """Writes a histogram that has been counted already."""
        data = _summary.histogram_raw(tag, min, max, num, sum, sum_squares, bucket_limits, bucket_counts)
        self._get_file_writer().add_summary(data, global_step, walltime)

    def add_image(
        self,
        tag: str,
        img_tensor: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        dataformats: str = "CHW",
    ) -> None:
        """Writes a picture: bytes, or floats in [0, 1], laid out as `dataformats` says ("CHW", "HWC", "HW")."""
        self._get_file_writer().add_summary(_summary.image(tag, img_tensor, 1, dataformats), global_step, walltime)

    def add_images(
        self,
        tag: str,
        img_tensor: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        dataformats: str = "NCHW",
    ) -> None:
        """Writes several pictures side by side."""
        if isinstance(img_tensor, (list, tuple)):
            img_tensor = torch.stack([_summary.as_tensor(one) for one in img_tensor])
        self._get_file_writer().add_summary(_summary.image(tag, img_tensor, 1, dataformats), global_step, walltime)

    def add_image_with_boxes(
        self,
        tag: str,
        img_tensor: Any,
        box_tensor: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        rescale: float = 1,
        dataformats: str = "CHW",
        labels: Any = None,
    ) -> None:
        """Writes a picture with boxes (x0, y0, x1, y1) drawn into it. Labels are not drawn."""
        data = _summary.image_boxes(tag, img_tensor, box_tensor, rescale, dataformats, labels)
        self._get_file_writer().add_summary(data, global_step, walltime)

    def add_figure(
        self, tag: str, figure: Any, global_step: int | None = None, close: bool = True, walltime: float | None = None
    ) -> None:
        """Writes one or several figures of matplotlib."""
        import numpy as np

        figures = figure if isinstance(figure, list) else [figure]
        pictures = []
        for one in figures:
            one.canvas.draw()
            pictures.append(np.array(one.canvas.buffer_rgba())[..., :3])
            if close:
                import matplotlib.pyplot as plt

                plt.close(one)
        if len(pictures) == 1:
            self.add_image(tag, pictures[0], global_step, walltime, dataformats="HWC")
        else:
            self.add_images(tag, np.stack(pictures), global_step, walltime, dataformats="NHWC")

    def add_audio(
        self,
        tag: str,
        snd_tensor: Any,
        global_step: int | None = None,
        sample_rate: int = 44100,
        walltime: float | None = None,
    ) -> None:
        """Writes sound in [-1, 1], of one channel."""
        self._get_file_writer().add_summary(_summary.audio(tag, snd_tensor, sample_rate), global_step, walltime)

    def add_text(
        self, tag: str, text_string: str, global_step: int | None = None, walltime: float | None = None
    ) -> None:
        """Writes text, in Markdown."""
        self._get_file_writer().add_summary(_summary.text(tag, text_string), global_step, walltime)

    def add_pr_curve(
        self,
        tag: str,
        labels: Any,
        predictions: Any,
        global_step: int | None = None,
        num_thresholds: int = 127,
        weights: Any = None,
        walltime: float | None = None,
    ) -> None:
        """Writes precision against recall of predictions in [0, 1]."""
        data = _summary.pr_curve(tag, labels, predictions, num_thresholds, weights)
        self._get_file_writer().add_summary(data, global_step, walltime)

    def add_custom_scalars(self, layout: dict[str, dict[str, Any]]) -> None:
        """Says which diagrams of scalars to show: {category: {title: ["Multiline" or "Margin", [tag, …]]}}."""
        self._get_file_writer().add_summary(_summary.custom_scalars(layout))

    def add_custom_scalars_multilinechart(self, tags: list[str], category: str = "default", title: str = "untitled") -> None:
        """Says to show these tags in one diagram."""
        self.add_custom_scalars({category: {title: ["Multiline", tags]}})

    def add_custom_scalars_marginchart(self, tags: list[str], category: str = "default", title: str = "untitled") -> None:
        """Says to show three tags, a value and its bounds, in one diagram."""
        self.add_custom_scalars({category: {title: ["Margin", tags]}})

    def add_hparams(
        self,
        hparam_dict: dict[str, Any],
        metric_dict: dict[str, Any],
        hparam_domain_discrete: dict[str, list] | None = None,
        run_name: str | None = None,
        global_step: int | None = None,
    ) -> None:
        """Writes hyperparameters and the results with them, in a folder of their own."""
        messages = _summary.hparams(hparam_dict, metric_dict, hparam_domain_discrete)
        writer = self._get_file_writer(run_name or str(time.time()))
        for message in messages:
            writer.add_summary(message)
        for tag, value in metric_dict.items():
            writer.add_summary(_summary.scalar(tag, value), global_step)
        writer.flush()

    def add_embedding(
        self,
        mat: Any,
        metadata: Any = None,
        label_img: Any = None,
        global_step: int | None = None,
        tag: str = "default",
        metadata_header: list[str] | None = None,
    ) -> None:
        """Writes points for the projector: rows of `mat`, with a label and a picture (N, C, H, W) for each."""
        points = _summary.as_tensor(mat)
        if points.dim() != 2:
            raise AssertionError(f"mat should be 2D, where mat.size(0) is the number of data points; got {list(points.shape)}")
        name = f"{0 if global_step is None else global_step:05d}/{tag}"
        folder = os.path.join(self.log_dir, name)
        os.makedirs(folder, exist_ok=True)
        _write_rows(os.path.join(folder, "tensors.tsv"), points.tolist())
        config = [f'tensor_name: "{tag}:{0 if global_step is None else global_step:05d}"']
        config.append(f'tensor_path: "{name}/tensors.tsv"')
        if metadata is not None:
            if len(metadata) != points.shape[0]:
                raise AssertionError(f"#labels should equal with #data points: {len(metadata)} and {points.shape[0]}")
            rows = [m if metadata_header else [m] for m in metadata]
            _write_rows(os.path.join(folder, "metadata.tsv"), ([metadata_header] if metadata_header else []) + rows)
            config.append(f'metadata_path: "{name}/metadata.tsv"')
        if label_img is not None:
            pictures = _summary.as_tensor(label_img)
            if pictures.shape[0] != points.shape[0]:
                raise AssertionError(f"#images should equal with #data points: {pictures.shape[0]} and {points.shape[0]}")
            side = 1
            while side * side < pictures.shape[0]:
                side += 1
            blank = pictures.new_zeros((side * side - pictures.shape[0], *pictures.shape[1:]))
            rows_of = torch.cat([pictures, blank]).reshape(side, side, *pictures.shape[1:])
            sheet = rows_of.permute(2, 0, 3, 1, 4).reshape(pictures.shape[1], side * pictures.shape[2], -1)
            with open(os.path.join(folder, "sprite.png"), "wb") as file:
                file.write(_summary.png(_summary.pixels(sheet, "CHW")))
            height, width = pictures.shape[2:]
            config.append(f'sprite {{ image_path: "{name}/sprite.png" single_image_dim: {width} single_image_dim: {height} }}')
        with open(os.path.join(self.log_dir, "projector_config.pbtxt"), "a", encoding="utf8") as file:
            file.write("embeddings {\n" + "".join(f"  {line}\n" for line in config) + "}\n")

    def add_graph(
        self, model: Any, input_to_model: Any = None, verbose: bool = False, use_strict_trace: bool = True
    ) -> None:
        """Would write the graph of a model. Raises NotImplementedError."""
        raise NotImplementedError(
            "SummaryWriter.add_graph is not in Rushlight yet; add_text('model', f'```\\n{model}\\n```') shows its modules"
        )

    def add_video(self, tag: str, vid_tensor: Any, *args: Any, **kwargs: Any) -> None:
        """Would write a film. Raises NotImplementedError."""
        raise NotImplementedError("SummaryWriter.add_video is not in Rushlight yet; add_images shows single pictures")

    def add_mesh(self, tag: str, vertices: Any, *args: Any, **kwargs: Any) -> None:
        """Would write a mesh. Raises NotImplementedError."""
        raise NotImplementedError("SummaryWriter.add_mesh is not in Rushlight yet; add_tensor writes its vertices")

    def flush(self) -> None:
        """Writes out what waits."""
        for writer in (self.all_writers or {}).values():
            writer.flush()

    def close(self) -> None:
        """Ends the files."""
        for writer in (self.all_writers or {}).values():
            writer.close()
        self.all_writers = None

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _write_rows(path: str, rows: Any) -> None:
    with open(path, "w", encoding="utf8") as file:
        for row in rows:
            file.write("\t".join(str(cell) for cell in row) + "\n")
