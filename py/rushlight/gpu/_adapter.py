"""The one file that touches wgpu: its API moves with every release. The extension module decides what to launch, and calls
an `Adapter` for what is new (buffers, pipelines, bind groups) and to hand over a batch of launches.
"""

from __future__ import annotations

import os
import threading
import warnings
from typing import Any

from rushlight import _rushlight

# WebGPU promises these everywhere; tests clamp to them (RUSHLIGHT_GPU_LIMITS=default).
_DEFAULTS = {"max-storage-buffer-binding-size": 128 << 20, "max-buffer-size": 256 << 20}
# Bytes of the buffer that holds the constants of one batch.
_CONSTANTS = 128 << 10
# Batches that may be on their way before we wait for them.
_AHEAD = 64
_STAGING = 64 << 10


class DeviceLost(RuntimeError):
    """The GPU is gone: its tensors are lost, and the process has to start anew to use it again."""


def _wgpu() -> Any:
    try:
        import wgpu
    except ImportError as error:
        raise RuntimeError(
            "device 'gpu' needs the package wgpu, which is not installed: pip install 'rushlight[gpu]' "
            f"(or pip install 'wgpu>=0.32,<0.33'): {error}"
        ) from None
    return wgpu


def _choose(wgpu: Any) -> Any:
    """The adapter that RUSHLIGHT_GPU_ADAPTER names by a part of its description, or else the fastest."""
    wanted = os.environ.get("RUSHLIGHT_GPU_ADAPTER")
    if wanted:
        found = wgpu.gpu.enumerate_adapters_sync()
        names = [f"{a.info['device']} ({a.info['backend_type']})" for a in found]
        for adapter, name in zip(found, names):
            if wanted.lower() in name.lower():
                return adapter
        raise RuntimeError(f"no GPU adapter matches RUSHLIGHT_GPU_ADAPTER={wanted!r}; there are: {', '.join(names) or 'none'}")
    try:
        adapter = wgpu.gpu.request_adapter_sync(power_preference="high-performance")
    except Exception as error:
        raise _no_adapter(error) from None
    if adapter is None:
        raise _no_adapter("none was offered")
    return adapter


def _no_adapter(why: object) -> RuntimeError:
    return RuntimeError(
        "no GPU adapter was found: install a driver for Vulkan, Metal or Direct3D 12 (without a GPU, Mesa's software driver: "
        f"apt-get install mesa-vulkan-drivers libvulkan1), or use device 'cpu' ({why})"
    )


class Adapter:
    """A device of WebGPU with its queue."""

    def __init__(self) -> None:
        self.wgpu = _wgpu()
        adapter = _choose(self.wgpu)
        self.info = dict(adapter.info)
        software = self.info.get("adapter_type") == "CPU"
        clamp = os.environ.get("RUSHLIGHT_GPU_LIMITS") == "default" or software
        self.limits = dict(_DEFAULTS)
        if not clamp:
            self.limits = {name: max(least, adapter.limits.get(name, least)) for name, least in _DEFAULTS.items()}
        self.f16 = "shader-f16" in adapter.features
        features = ["shader-f16"] if self.f16 else []
        try:
            self.device = adapter.request_device_sync(required_features=features, required_limits=self.limits)
        except Exception as error:
            raise RuntimeError(f"the GPU {self.name} refused to make a device: {error}") from None
        self.max_binding = self.limits["max-storage-buffer-binding-size"]
        self.max_buffer = self.limits["max-buffer-size"]
        self.memory_limit = int(os.environ.get("RUSHLIGHT_GPU_MEMORY") or (1 << 62))
        self._lock = threading.RLock()
        usage = self.wgpu.BufferUsage
        self._usage = usage.STORAGE | usage.COPY_SRC | usage.COPY_DST
        self._constants = self.device.create_buffer(size=_CONSTANTS, usage=usage.UNIFORM | usage.COPY_DST)
        self._staging: Any = None
        self._probe: Any = None
        self._layouts: dict[Any, Any] = {}
        self._ahead = 0
        self._lost: str | None = None

    @property
    def name(self) -> str:
        """What the driver calls the device."""
        return str(self.info.get("device") or self.info.get("description") or "GPU")

    # -- errors ----------------------------------------------------------------------------------

    def _failed(self, error: Exception, doing: str) -> Exception:
        text = str(error)
        if self._lost is None and "lost" in text.lower():
            self._lost = text
        if self._lost is not None:
            return DeviceLost(
                f"the GPU {self.name} was lost while {doing}: its driver was reset or the machine slept. Tensors on it are gone; "
                f"start the process again, from a checkpoint ({self._lost})"
            )
        if isinstance(error, (self.wgpu.GPUOutOfMemoryError, MemoryError)):
            return MemoryError(f"the GPU {self.name} is out of memory while {doing}: {text}")
        return RuntimeError(f"the GPU {self.name} failed while {doing}: {text}")

    # -- what is new -----------------------------------------------------------------------------

    def create(self, size: int) -> Any:
        """A buffer."""
        try:
            return self.device.create_buffer(size=size, usage=self._usage)
        except Exception as error:
            raise self._failed(error, f"making a buffer of {size} bytes") from None

    def destroy(self, buffers: list[Any]) -> None:
        """Gives buffers back that no batch uses any more."""
        for buffer in buffers:
            buffer.destroy()

    def pipeline(self, key: str, source: str, written: list[bool], window: int) -> tuple[Any, Any]:
        """A pipeline with the layout of its bind group: storage buffers, then the constants at a dynamic offset."""
        layout, pipeline_layout = self._layout(tuple(written), window)
        try:
            module = self.device.create_shader_module(label=key, code=source)
            pipeline = self.device.create_compute_pipeline(
                label=key, layout=pipeline_layout, compute={"module": module, "entry_point": "main"}
            )
        except Exception as error:
            lines = "\n".join(f"{i:4} {line}" for i, line in enumerate(source.splitlines(), 1))
            failed = self._failed(error, f"compiling the shader {key}")
            if type(failed) is RuntimeError:
                failed = RuntimeError(f"the shader {key} does not compile; please report it:\n{error}\n{lines}")
            raise failed from None
        return pipeline, layout

    def _layout(self, written: tuple[bool, ...], window: int) -> tuple[Any, Any]:
        known = self._layouts.get((written, window))
        if known is not None:
            return known
        visible = self.wgpu.ShaderStage.COMPUTE
        entries: list[dict[str, Any]] = [
            {"binding": i, "visibility": visible, "buffer": {"type": "storage" if w else "read-only-storage"}}
            for i, w in enumerate(written)
        ]
        constants = {"type": "uniform", "has_dynamic_offset": True, "min_binding_size": window}
        entries.append({"binding": len(written), "visibility": visible, "buffer": constants})
        layout = self.device.create_bind_group_layout(entries=entries)
        pair = layout, self.device.create_pipeline_layout(bind_group_layouts=[layout])
        self._layouts[written, window] = pair
        return pair

    def group(self, layout: Any, buffers: list[tuple[Any, int, int]], window: int) -> Any:
        """A bind group of windows of buffers."""
        entries = [
            {"binding": i, "resource": {"buffer": buffer, "offset": offset, "size": size}}
            for i, (buffer, offset, size) in enumerate(buffers)
        ]
        constants = {"buffer": self._constants, "offset": 0, "size": window}
        entries.append({"binding": len(buffers), "resource": constants})
        try:
            return self.device.create_bind_group(layout=layout, entries=entries)
        except Exception as error:
            raise self._failed(error, "binding buffers") from None

    # -- work ------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Submits all launches that are queued: one encoder, one pass."""
        with self._lock:
            batch = _rushlight._gpu_take()
            if batch is None:
                return
            if self._lost is not None:
                raise self._failed(RuntimeError(self._lost), "handing over work")
            constants, launches = batch
            try:
                queue = self.device.queue
                queue.write_buffer(self._constants, 0, constants)
                encoder = self.device.create_command_encoder()
                compute = encoder.begin_compute_pass()
                last = None
                for pipeline, group, offset, x, y in launches:
                    if pipeline is not last:
                        compute.set_pipeline(pipeline)
                        last = pipeline
                    compute.set_bind_group(0, group, (offset,))
                    compute.dispatch_workgroups(x, y)
                compute.end()
                queue.submit((encoder.finish(),))
                self._ahead += 1
                if self._ahead >= _AHEAD:
                    self.wait()
            except Exception as error:
                raise self._failed(error, f"handing over {len(launches)} launches") from None

    def wait(self) -> None:
        """Waits for all that was submitted. (on_submitted_work_done of wgpu 0.32.0 raises TypeError: four bytes are fetched instead.)"""
        if self._probe is None:
            self._probe = self.create(256)
        self.read(self._probe, 0, 4)

    def write(self, buffer: Any, offset: int, data: bytes) -> None:
        """Puts bytes into a buffer, after all that was submitted before."""
        try:
            self.device.queue.write_buffer(buffer, offset, data)
        except Exception as error:
            raise self._failed(error, f"sending {len(data)} bytes") from None

    def read(self, buffer: Any, offset: int, size: int) -> Any:
        """The bytes of a buffer, once all that was submitted before has run."""
        with self._lock:
            try:
                self._ahead = 0
                if size > _STAGING:
                    return self.device.queue.read_buffer(buffer, offset, size)
                if self._staging is None:
                    usage = self.wgpu.BufferUsage
                    self._staging = self.device.create_buffer(size=_STAGING, usage=usage.COPY_DST | usage.MAP_READ)
                encoder = self.device.create_command_encoder()
                encoder.copy_buffer_to_buffer(buffer, offset, self._staging, 0, size)
                self.device.queue.submit((encoder.finish(),))
                self._staging.map_sync(self.wgpu.MapMode.READ, 0, size)
                try:
                    return bytes(self._staging.read_mapped(0, size))
                finally:
                    self._staging.unmap()
            except Exception as error:
                raise self._failed(error, f"fetching {size} bytes") from None

    def fallback(self, op: str, new: bool) -> None:
        """An op is about to run on the CPU."""
        policy = os.environ.get("RUSHLIGHT_GPU_FALLBACK", "warn")
        if policy == "error":
            raise NotImplementedError(
                f"{op} has no GPU shader for these arguments, and RUSHLIGHT_GPU_FALLBACK=error forbids to run it on the CPU; "
                "unset it, or move the tensors with .cpu() yourself"
            )
        if new and policy != "silent":
            warnings.warn(
                f"{op} has no GPU shader for these arguments: it runs on the CPU, with copies both ways. "
                "(RUSHLIGHT_GPU_FALLBACK=error makes this an error.)",
                stacklevel=2,
            )
