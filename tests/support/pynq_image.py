# SPDX-License-Identifier: Apache-2.0
"""A PYNQ image made of files and stand-ins, on which pynq's own device class loads, allocates and maps.

pynq's code runs as it is, from EmbeddedDevice down to the files, programs and libraries that it asks. Stood in for are
the kernel's sysfs and firmware loading, /dev/mem, XRT (libxrt_core behind pynq 3.0's ctypes, pyxrt behind 3.1), its
programs xbutil and xclbinutil, the machine's name and munmap. What is behind them is an emulated board.
"""

from __future__ import annotations

import builtins
import ctypes
import io
import mmap
import os
import platform
import re
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from board.emulator import EmulatedBoard

MANAGER = "sys/class/fpga_manager/fpga0"
MAPPED = ("/sys/class/fpga_manager", "/lib/firmware", "/proc/device-tree")
XRT_ERROR = 0xFFFFFFFF
CACHEABLE = 1 << 24
DEV_MEM = 1 << 20
"""A file descriptor that no process has."""
TO_DEVICE, FROM_DEVICE = 0, 1


class Image:
    """The files of an image; make it before pynq is imported.

    Args:
        root: Folder for them.

    Attributes:
        board: What is behind them, once it is set.
        designs: What each loadable binary does to the board.
        loads: Names of the binaries that the kernel loaded.
        xrt: The kernel driver zocl as XRT shows it.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.designs: dict[bytes, Callable[[], None]] = {}
        self.loads: list[str] = []
        self.board: EmulatedBoard | None = None
        self.xrt = Zocl(self)
        manager = root / MANAGER
        for folder in (manager, root / "lib/firmware", root / "xrt/lib", root / "bin", root / "state"):
            folder.mkdir(parents=True)
        (manager / "state").write_text("unknown\n")
        (manager / "flags").write_text("0\n")
        (manager / "firmware").touch()
        (root / "proc/device-tree/chosen").mkdir(parents=True)
        (root / "proc/device-tree/chosen/pynq_board").write_text("Pynq-Z2")
        (root / "xrt/lib/libxrt_core.so").symlink_to(_loaded_library())
        self.program("xbutil", 'print("Version : 2.13.0")')
        self.program("xclbinutil", XCLBINUTIL)

    def program(self, name: str, text: str) -> None:
        """Put a program on PATH."""
        path = self.root / "bin" / name
        path.write_text(f"#!{sys.executable}\n{text}\n")
        path.chmod(0o755)

    def environment(self) -> dict[str, str]:
        """What a login shell of the image sets."""
        return {"XILINX_XRT": str(self.root / "xrt"), "PATH": f"{self.root / 'bin'}:{os.environ['PATH']}"}

    def path(self, name: Any) -> Any:
        """Where a path of the image lies here."""
        text = os.fspath(name) if isinstance(name, str | os.PathLike) else ""
        return str(self.root) + text if text.startswith(MAPPED) else name

    def boot(self) -> None:
        """Import pynq as on the image, and let its modules see the image's files."""
        os.environ.update(self.environment())
        os.uname = lambda: os.uname_result(("Linux", "pynq", "5.15", "#1", "armv7l"))
        platform.machine = lambda: "armv7l"
        isfile = os.path.isfile
        os.path.isfile = lambda path: isfile(self.path(path))
        sys.modules["pyxrt"] = self.xrt.pyxrt()
        from pynq import buffer
        from pynq.pl_server import embedded_device, global_state, xrt_device

        device: Any = embedded_device
        device.EmbeddedDevice.BS_FPGA_MAN = str(self.root / MANAGER / "firmware")
        device.EmbeddedDevice.BS_FPGA_MAN_FLAGS = str(self.root / MANAGER / "flags")
        device.Path = lambda path: Path(self.path(path))
        device.open = global_state.open = self._open  # type: ignore[attr-defined]
        device.os = _Instead(os, open=self._open_device, close=lambda file: None)
        device.np = _Instead(np, frombuffer=self._registers)
        device.__file__ = str(self.root / "state" / "embedded_device.py")
        global_state.STATE_DIR = str(self.root / "state")
        modules: Any = sys.modules
        modules["mmap"] = _Instead(mmap, mmap=lambda file, length, *_, offset, **__: (offset, length))
        libc = types.SimpleNamespace(munmap=self.xrt.unmap)
        buffer.libc = xrt_device.libc = libc
        if hasattr(xrt_device, "xrt"):  # 3.0
            xrt_device.xrt.libc = self.xrt

    def _open(self, name: Any, mode: str = "r", **options: Any) -> Any:
        if str(name) == str(self.root / MANAGER / "firmware") and "w" in mode:
            return _Firmware(self)
        return builtins.open(self.path(name), mode, **options)

    def _open_device(self, name: str, flags: int) -> int:
        assert (name, flags) == ("/dev/mem", os.O_RDWR | os.O_SYNC)
        return DEV_MEM

    def _registers(self, mapped: tuple[int, int] | bytes, dtype: Any, count: int = -1, offset: int = 0) -> Any:
        """Registers where /dev/mem was mapped, else numpy's answer."""
        if not isinstance(mapped, tuple):
            return np.frombuffer(mapped, dtype, count, offset)
        from board.emulator.registers import Window

        assert self.board is not None and count * 4 + offset <= mapped[1]
        return Window(self.board.bus, mapped[0] + offset, count)

    def load(self, name: str) -> None:
        """The kernel's part of loading: find the binary, configure the FPGA."""
        binary = self.root / "lib/firmware" / name
        if not binary.is_file():
            raise FileNotFoundError(2, "No such file or directory")
        if (self.root / MANAGER / "flags").read_text().strip() != "0":
            raise OSError(22, "Invalid argument")
        self.loads.append(name)
        configure = self.designs.get(binary.read_bytes())
        (self.root / MANAGER / "state").write_text("operating\n" if configure else "write error\n")
        if configure is None:
            raise OSError(22, "Invalid argument")
        configure()


class _Firmware(io.StringIO):
    """The file whose writing makes the kernel load."""

    def __init__(self, image: Image) -> None:
        super().__init__()
        self._image = image

    def write(self, name: str) -> int:
        self._image.load(name)
        return len(name)


class _Instead:
    """A module with some of its functions replaced."""

    def __init__(self, module: types.ModuleType, **functions: Callable[..., Any]) -> None:
        vars(self).update(functions)
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


@dataclass
class Bo:
    """A buffer object of zocl's."""

    block: Any
    unmapped: bool = False


@dataclass
class Zocl:
    """XRT on the kernel driver zocl: memory as the loaded xclbin describes it.

    Attributes:
        present: Whether the kernel has the driver.
        fails: What loading an xclbin returns instead of 0.
        bos: Buffers by handle.
        loaded: The xclbin.
    """

    image: Image
    present: bool = True
    fails: int = 0
    bos: dict[int, Bo] = field(default_factory=dict)
    loaded: bytes | None = None
    _next: int = 1

    @property
    def _memory(self) -> Any:
        assert self.image.board is not None
        return self.image.board.memory

    def load(self, xclbin: bytes) -> int:
        """Take an xclbin; another one not while buffers live."""
        if self.fails or (self.bos and xclbin != self.loaded):
            return self.fails or -16
        self.loaded = xclbin
        return 0

    def allocate(self, size: int, bank: int, cacheable: bool) -> int:
        """A buffer's handle; 0 where there is no memory for it."""
        if self.loaded is None:
            return 0
        from pynq.pl_server.xclbin_parser import XclBin

        banks = [bank for bank in XclBin(xclbin_data=self.loaded).mem_dict.values() if bank["base_address"] == 0]
        assert [one["idx"] for one in banks] == [bank]  # the processor's memory
        try:
            block = self._memory.allocate(size, cacheable)
        except RuntimeError:
            return 0
        self._next += 1
        self.bos[self._next] = Bo(block)
        return self._next

    def free(self, bo: int) -> None:
        """Take a buffer back, which must have been unmapped."""
        assert self.bos[bo].unmapped
        self._memory.release(self.bos.pop(bo).block)

    def view(self, bo: int) -> np.ndarray:
        """What the processor sees of a buffer."""
        block = self.bos[bo].block
        seen: np.ndarray = self._memory.cache if block.cacheable else self._memory.dram
        return seen[block.start : block.start + block.size]

    def address(self, bo: int) -> int:
        """Physical address."""
        return int(self._memory.base + self.bos[bo].block.start)

    def sync(self, bo: int, direction: int, size: int, offset: int) -> int:
        """Write the processor's cache back, or forget it."""
        act = self._memory.flush if direction == TO_DEVICE else self._memory.invalidate
        act(self.bos[bo].block, offset, size)
        return 0

    def unmap(self, pointer: ctypes.c_void_p, length: int) -> int:
        """munmap."""
        (bo,) = (bo for bo in self.bos if self.view(bo).ctypes.data == pointer.value)
        assert not self.bos[bo].unmapped and length <= self.bos[bo].block.size
        self.bos[bo].unmapped = True
        return 0

    def __getattr__(self, name: str) -> Any:
        """A function of libxrt_core's, to which ctypes' users give types."""
        if not name.startswith("xcl"):
            raise AttributeError(name)
        function = _Function(getattr(self, f"_{name}"))
        setattr(self, name, function)
        return function

    def _xclOpen(self, index: int, log: Any, level: int) -> Any:
        handle = ctypes.POINTER(ctypes.c_void_p)
        return ctypes.pointer(ctypes.c_void_p(index + 1)) if self.present else handle()

    def _xclGetDeviceInfo2(self, handle: Any, info: Any) -> int:
        info.mName = b"edge"
        return 0 if handle else -22

    def _xclLockDevice(self, handle: Any) -> int:
        return 0 if handle else -19

    def _xclUnlockDevice(self, handle: Any) -> int:
        return 0

    def _xclLoadXclBin(self, handle: Any, xclbin: Any) -> int:
        return self.load(bytes(xclbin))

    def _xclAllocBO(self, handle: Any, size: int, kind: int, flags: int) -> int:
        return self.allocate(size, flags & ~CACHEABLE, bool(flags & CACHEABLE)) or XRT_ERROR

    def _xclFreeBO(self, handle: Any, bo: int) -> None:
        self.free(bo)

    def _xclGetBOProperties(self, handle: Any, bo: int, properties: Any) -> int:
        properties.size, properties.paddr = self.bos[bo].block.size, self.address(bo)
        return 0

    def _xclMapBO(self, handle: Any, bo: int, write: bool) -> Any:
        view = self.view(bo)
        return ctypes.cast(view.ctypes.data, ctypes.POINTER(ctypes.c_char * len(view)))

    def _xclSyncBO(self, handle: Any, bo: int, direction: int, size: int, offset: int) -> int:
        return self.sync(bo, direction, size, offset)

    def pyxrt(self) -> types.ModuleType:
        """The Python module that pynq 3.1 takes."""
        zocl = self

        class PyDevice:
            def __init__(self, index: int) -> None:
                if not zocl.present:
                    raise RuntimeError(f"Could not open device with index '{index}'")

            def get_info(self, what: str) -> str:
                return "edge" if what == "name" else ""

            def load_xclbin(self, path: str) -> None:
                if error := zocl.load(Path(path).read_bytes()):
                    raise RuntimeError(f"failed to load xclbin: {os.strerror(-error)}")

        class PyBo:
            flags = types.SimpleNamespace(normal=0, cacheable=CACHEABLE)

            def __init__(self, device: PyDevice, size: int, flags: int, bank: int) -> None:
                self.handle = zocl.allocate(size, bank, bool(flags))
                if not self.handle:
                    raise RuntimeError("failed to allocate bo: Cannot allocate memory")

            def __del__(self) -> None:
                if self.handle:
                    zocl.free(self.handle)

            def map(self) -> memoryview:
                return zocl.view(self.handle).data

            def size(self) -> int:
                return len(zocl.view(self.handle))

            def address(self) -> int:
                return zocl.address(self.handle)

            def sync(self, direction: int) -> None:
                zocl.sync(self.handle, direction, self.size(), 0)

        module: Any = types.ModuleType("pyxrt")
        module.device, module.bo, module.xrt_info_device = PyDevice, PyBo, _Names()
        module.xclBOSyncDirection = types.SimpleNamespace(
            XCL_BO_SYNC_BO_TO_DEVICE=TO_DEVICE, XCL_BO_SYNC_BO_FROM_DEVICE=FROM_DEVICE
        )
        assert isinstance(module, types.ModuleType)
        return module


class _Function:
    """A function of a C library, whose types can be declared."""

    restype: Any = None
    argtypes: Any = None

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)


class _Names:
    """An enumeration whose members are their names."""

    def __getattr__(self, name: str) -> str:
        return name


def _loaded_library() -> str:
    """Some shared library that this process has loaded."""
    found = re.search(r"(/\S+\.so\S*)$", Path("/proc/self/maps").read_text(), re.MULTILINE)
    assert found is not None
    return found[1]


XCLBINUTIL = """
import ctypes, json, sys
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

spec = spec_from_file_location("xclbin", Path(find_spec("pynq").origin).parent / "_3rdparty" / "xclbin.py")
xclbin = module_from_spec(spec)
spec.loader.exec_module(xclbin)
options = sys.argv[1:]
assert options[2:] == ["--output", "t.xclbin", "--skip-bank-grouping"], options
assert options[:2] == ["--add-section=EMBEDDED_METADATA:RAW:metadata.xml", "--add-section=MEM_TOPOLOGY:JSON:mem.json"]
topology = json.loads(Path("mem.json").read_text())["mem_topology"]
memories = topology["m_mem_data"]
assert topology["m_count"] == len(memories)


class Topology(ctypes.Structure):
    _fields_ = [("m_count", ctypes.c_int32), ("m_mem_data", xclbin.mem_data * len(memories))]


class Header(ctypes.Structure):
    _fields_ = [("axlf", xclbin.axlf), ("more", xclbin.axlf_section_header)]


packed = Topology(m_count=len(memories))
for place, memory in zip(packed.m_mem_data, memories):
    place.m_type, place.m_used, place.m_tag = 1, memory["m_used"], memory["m_tag"].encode()
    place.m_size, place.m_base_address = memory["m_sizeKB"], memory["m_base_address"]
sections = [(2, Path("metadata.xml").read_bytes()), (6, bytes(packed))]
header = Header()
header.axlf.m_magic = b"xclbin2"
header.axlf.m_header.m_numSections = len(sections)
at, body = ctypes.sizeof(header), b""
for place, (kind, content) in zip((header.axlf.m_sections, header.more), sections):
    padded = content + bytes(-len(content) % 8)
    place.m_sectionKind, place.m_sectionOffset, place.m_sectionSize = kind, at + len(body), len(content)
    body += padded
Path("t.xclbin").write_bytes(bytes(header) + body)
"""
