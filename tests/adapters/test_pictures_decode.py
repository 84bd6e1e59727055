"""Decoding foreign picture files: what they show as pixels, what is refused and how, and that nothing is without end."""

from __future__ import annotations

import hashlib
import io
import resource
import struct
import time
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from catalog3d.adapters import picture_decode
from catalog3d.adapters.picture_decode import Decoded, decode, encode, pixels_sha256
from catalog3d.errors import ProductError

SIZE = (96, 72)


def a_picture(size: tuple[int, int] = SIZE, mode: str = "RGB") -> Image.Image:
    """Every corner has its own color, so that turns and flips show."""
    width, height = size
    pixels = np.zeros((height, width, 4), np.uint8)
    pixels[..., 0] = np.linspace(0, 255, width, dtype=np.uint8)
    pixels[..., 1] = np.linspace(0, 255, height, dtype=np.uint8)[:, None]
    pixels[..., 2] = 90
    pixels[..., 3] = np.linspace(255, 40, width, dtype=np.uint8) if mode == "RGBA" else 255
    return Image.fromarray(pixels).convert(mode)


def _saved(folder: Path, name: str, image: Image.Image | None = None, **options: Any) -> Path:
    path = folder / name
    (image or a_picture()).save(path, **options)
    return path


def _digest(pixels: np.ndarray) -> str:
    """The pixel digest, worked out from its definition alone."""
    height, width = pixels.shape[:2]
    return hashlib.sha256(f"RGBA8 {width}x{height}\n".encode() + pixels.tobytes()).hexdigest()


def _refusal(path: Path) -> ProductError:
    with pytest.raises(ProductError) as caught:
        decode(path, path.name)
    return caught.value


def test_the_digest_follows_its_definition_and_is_pinned(tmp_path: Path) -> None:
    """An upgrade that changes this number would pay for a whole catalog again."""
    decoded = decode(_saved(tmp_path, "a.png", a_picture(mode="RGBA")), "a.png")
    assert decoded.sha256 == _digest(np.asarray(a_picture(mode="RGBA")))
    assert decoded.sha256 == "23731ef97952b881fc511333eff828036fe6d9811e99d50980d9844a8bddcd3b"


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.png", {"compress_level": 0}), ("b.png", {"compress_level": 9}), ("c.png", {"optimize": True}),
        ("d.png", {"dpi": (300, 300)}), ("e.bmp", {}), ("f.tif", {}), ("g.tif", {"compression": "tiff_lzw"}),
        ("h.webp", {"lossless": True}),
    ],
)  # fmt: skip
def test_the_same_pixels_have_one_digest_however_they_are_stored(
    name: str, options: dict[str, Any], tmp_path: Path
) -> None:
    assert decode(_saved(tmp_path, name, **options), name).sha256 == _digest(
        np.asarray(a_picture(mode="RGBA")) | _opaque()
    )


def _opaque() -> np.ndarray:
    return np.array([0, 0, 0, 255], np.uint8)


def test_gray_palette_and_full_color_of_the_same_pixels_have_one_digest(tmp_path: Path) -> None:
    gray = a_picture(mode="L")
    colors = Image.fromarray(np.asarray(gray) // 32 * 32)
    modes = [colors, colors.convert("RGB"), colors.convert("RGBA"), colors.convert("P")]
    digests = {decode(_saved(tmp_path, f"{image.mode}.png", image), "x").sha256 for image in modes}
    assert digests == {_digest(np.asarray(colors.convert("RGBA")))}


@given(st.integers(0, 2**32 - 1), st.sampled_from(["RGB", "RGBA", "L", "LA"]), st.integers(64, 90), st.integers(64, 90))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_pixels_survive_a_png(tmp_path: Path, seed: int, mode: str, width: int, height: int) -> None:
    shape = (height, width, len(mode)) if len(mode) > 1 else (height, width)
    image = Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8), mode=mode)
    decoded = decode(_saved(tmp_path, "x.png", image), "x")
    assert decoded.sha256 == _digest(np.asarray(image.convert("RGBA")))
    assert decoded.mime == "image/png"


@pytest.mark.parametrize("name", ["x.jpg", "x.png", "x.tif", "x.webp", "x.avif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_as_its_camera_says(name: str, orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    decoded = decode(_saved(tmp_path, name, exif=exif), name)
    expected = _upright(orientation)
    difference = np.abs(np.asarray(decoded.pixels.convert("RGB")).astype(int) - expected.astype(int))
    assert decoded.pixels.size == ((72, 96) if orientation >= 5 else (96, 72))
    assert difference.mean() < 4
    assert (decoded.mime == "") == (orientation > 1 or name.endswith(("tif", "webp", "avif")))


def _upright(orientation: int) -> np.ndarray:
    """EXIF 2.32: where row 0 and column 0 of the stored picture lie in the one that is shown."""
    pixels = np.asarray(a_picture())
    return {
        1: pixels, 2: pixels[:, ::-1], 3: pixels[::-1, ::-1], 4: pixels[::-1], 5: pixels.swapaxes(0, 1),
        6: pixels[::-1].swapaxes(0, 1), 7: pixels[::-1, ::-1].swapaxes(0, 1), 8: pixels[:, ::-1].swapaxes(0, 1),
    }[orientation]  # fmt: skip


@pytest.mark.parametrize("orientation", [0, 9, 77])
def test_an_orientation_that_does_not_exist_is_none(orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert decode(_saved(tmp_path, "x.jpg", exif=exif), "x").mime == "image/jpeg"


def test_the_ending_of_a_file_does_not_matter(tmp_path: Path) -> None:
    _saved(tmp_path, "a.png").rename(tmp_path / "a.jpg")
    (tmp_path / "none").write_bytes((tmp_path / "a.jpg").read_bytes())
    assert {decode(tmp_path / name, name).mime for name in ("a.jpg", "none")} == {"image/png"}


@pytest.mark.parametrize("name", ["a.png", "a.gif", "a.webp", "a.avif"])
def test_of_an_animation_the_first_frame_counts_and_no_animation_is_sent(name: str, tmp_path: Path) -> None:
    first, second = a_picture(), a_picture().transpose(Image.Transpose.ROTATE_180)
    path = _saved(tmp_path, name, first, save_all=True, append_images=[second], duration=100)
    decoded = decode(path, name)
    content, mime = encode(decoded, name)
    shown = np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)
    assert (decoded.mime, mime) == ("", "image/png" if name.endswith(("png", "gif")) else "image/jpeg")
    assert np.abs(shown - np.asarray(first).astype(int)).mean() < 12
    assert getattr(Image.open(io.BytesIO(content)), "n_frames", 1) == 1


def test_a_picture_with_many_frames_costs_no_walk_through_all_of_them(tmp_path: Path) -> None:
    """The chain of a TIFF's frames is as long as its author likes."""
    path = _saved(tmp_path, "a.tif", a_picture((64, 64)))
    data = path.read_bytes()
    first = struct.unpack_from("<I", data, 4)[0]
    count = struct.unpack_from("<H", data, first)[0]
    end = first + 2 + 12 * count
    frames = 200_000
    links = b"".join(struct.pack("<HI", 0, len(data) + 6 * (n + 1)) for n in range(frames)) + struct.pack("<HI", 0, 0)
    path.write_bytes(data[:end] + struct.pack("<I", len(data)) + data[end + 4 :] + links)
    start = time.monotonic()
    assert decode(path, "a.tif").pixels.size == (64, 64)
    assert time.monotonic() - start < 1


def test_cmyk_photos_of_a_printer_come_out_in_their_colors(tmp_path: Path) -> None:
    red = Image.new("RGB", SIZE, (220, 30, 40))
    red.paste((240, 240, 240), (0, 0, 20, 20))
    decoded = decode(_saved(tmp_path, "a.jpg", red.convert("CMYK"), quality=95), "a.jpg")
    assert decoded.mime == ""
    assert encode(decoded, "a.jpg")[1] == "image/jpeg"
    r, g, b, a = (int(value) for value in np.asarray(decoded.pixels)[60, 80])
    assert r > 180
    assert max(g, b) < 80
    assert a == 255


def test_a_broken_color_profile_does_not_spoil_a_cmyk_photo(tmp_path: Path) -> None:
    plain = decode(_saved(tmp_path, "a.tif", a_picture(mode="CMYK")), "a")
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for number, profile in enumerate((b"nonsense", srgb, srgb[:200])):
        path = _saved(tmp_path, f"{number}.tif", a_picture(mode="CMYK"), icc_profile=profile)
        assert decode(path, "a").sha256 == plain.sha256


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_16_bit_gray_keeps_its_upper_byte(ending: str, tmp_path: Path) -> None:
    values = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64) * 16
    decoded = decode(_saved(tmp_path, f"a.{ending}", Image.fromarray(values)), "a")
    assert (np.asarray(decoded.pixels)[..., 0] == values >> 8).all()
    assert decoded.mime == ""


def test_16_bit_color_keeps_its_upper_byte(tmp_path: Path) -> None:
    rows = np.zeros((64, 64, 3), ">u2")
    rows[..., 0] = np.arange(64 * 64).reshape(64, 64) * 16
    lines = b"".join(b"\0" + row.tobytes() for row in rows)
    path = tmp_path / "a.png"
    path.write_bytes(_png(64, 64, lines, depth=16, color=2))
    assert (np.asarray(decode(path, "a").pixels)[..., 0] == rows[..., 0] >> 8).all()


@pytest.mark.parametrize(("top", "dtype"), [(1.0, "f4"), (255.0, "f4"), (65_535.0, "f4"), (255, "i4"), (65_535, "i4")])
def test_gray_of_other_depths_is_scaled_and_not_clipped(top: float, dtype: str, tmp_path: Path) -> None:
    values = np.linspace(0, top, 64 * 64).reshape(64, 64).astype(dtype)
    shown = np.asarray(decode(_saved(tmp_path, "a.tif", Image.fromarray(values)), "a").pixels)[..., 0].astype(int)
    assert np.abs(shown - np.linspace(0, 255, 64 * 64).reshape(64, 64)).max() <= 1


def test_numbers_that_are_none_are_black(tmp_path: Path) -> None:
    values = np.linspace(0, 1, 64 * 64, dtype=np.float32).reshape(64, 64)
    values[0, :3] = (np.nan, np.inf, -np.inf)
    shown = np.asarray(decode(_saved(tmp_path, "a.tif", Image.fromarray(values)), "a").pixels)
    assert shown[0, :3, 0].tolist() == [0, 0, 0]
    assert shown[63, 63, 0] == 255


def test_transparency_is_kept_and_stays_a_png(tmp_path: Path) -> None:
    decoded = decode(_saved(tmp_path, "a.webp", a_picture(mode="RGBA"), lossless=True, exact=True), "a")
    content, mime = encode(decoded, "a")
    assert mime == "image/png"
    assert pixels_sha256(Image.open(io.BytesIO(content)).convert("RGBA")) == decoded.sha256


def test_transparency_of_a_palette_counts(tmp_path: Path) -> None:
    image = a_picture(mode="RGB").quantize(16)
    path = _saved(tmp_path, "a.png", image, transparency=0)
    alphas = set(np.asarray(decode(path, "a").pixels)[..., 3].ravel().tolist())
    assert alphas == {0, 255}


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.tif", "a.gif", "a.bmp", "a.avif"])
@pytest.mark.parametrize("part", [0.0, 0.3, 0.6, 0.95])
def test_a_truncated_file_is_refused(name: str, part: float, tmp_path: Path) -> None:
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (80, 80, 3), dtype=np.uint8))
    path = _saved(tmp_path, name, noise)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    error = _refusal(path)
    assert error.code == "PHOTO_UNREADABLE"
    assert error.fix


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"<!DOCTYPE html><html>not found", "web page"), (b"\xef\xbb\xbf  <HTML>", "web page"), (b"%PDF-1.7", "document"),
        (b"<svg xmlns='x'/>", "drawing"), (b"\x00\x00\x00\x18ftypheic" + bytes(50), "HEIC"), (b"", "not a picture"),
        (b"hello", "not a picture"), (bytes(10_000), "not a picture"), (b"\x89PNG\r\n\x1a\n", "picture"),
    ],
)  # fmt: skip
def test_what_is_no_photo_is_called_what_it_is(content: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    error = _refusal(path)
    assert error.code == "PHOTO_UNREADABLE"
    assert "photo.jpg" in error.message
    assert says in error.message
    assert error.fix


def _png(width: int, height: int, lines: bytes, *, depth: int = 8, color: int = 2, extra: bytes = b"") -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + extra
        + chunk(b"IDAT", zlib.compress(lines))
        + chunk(b"IEND", b"")
    )


def _bombs() -> dict[str, bytes]:
    frame = b"," + struct.pack("<HHHHB", 0, 0, 65_000, 65_000, 0) + b"\x08\x01\x00\x00"
    gif = b"GIF89a" + struct.pack("<HHBBB", 65_000, 65_000, 0xF7, 0, 0) + bytes(768) + frame + b";"
    bmp = b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 60_000, 60_000, 1, 24, 0, 0, 0, 0, 0, 0)
    tiff = io.BytesIO()
    Image.new("L", (64, 64)).save(tiff, "TIFF")
    wide = tiff.getvalue()
    place = wide.index(struct.pack("<H", 256), struct.unpack_from("<I", wide, 4)[0] + 2)
    wide = wide[:place] + struct.pack("<HHII", 256, 4, 1, 2**31 - 1) + wide[place + 12 :]
    return {
        "declared.png": _png(60_000, 60_000, b""),
        "real.png": _png(7_000, 7_000, bytes(7_001) * 7_000, color=0),
        "just over.png": _png(6_400, 6_400, b"", color=0),
        "a.gif": gif,
        "a.bmp": bmp,
        "a.tif": wide,
    }


@pytest.mark.parametrize("name", list(_bombs()))
def test_a_picture_that_unpacks_to_too_much_is_refused_by_its_header(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(_bombs()[name])
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.monotonic()
    error = _refusal(path)
    assert error.code == "PHOTO_TOO_LARGE"
    assert error.fix
    assert time.monotonic() - start < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 100_000


def test_a_bomb_in_the_texts_of_a_picture_is_refused(tmp_path: Path) -> None:
    text = b"Comment\0\0" + zlib.compress(bytes(100_000_000))
    chunk = struct.pack(">I", len(text)) + b"zTXt" + text + struct.pack(">I", zlib.crc32(b"zTXt" + text))
    lines = b"".join(b"\0" + bytes(range(192)) for _ in range(64))
    path = tmp_path / "a.png"
    path.write_bytes(_png(64, 64, lines, extra=chunk))
    assert _refusal(path).code == "PHOTO_UNREADABLE"


def test_a_file_that_is_too_large_is_not_even_opened(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with path.open("wb") as file:
        file.truncate(picture_decode.MAX_SOURCE_BYTES + 1)
    assert _refusal(path).code == "PHOTO_TOO_LARGE"


@pytest.mark.parametrize("size", [(63, 500), (500, 10), (1, 1)])
def test_a_picture_on_which_nothing_can_be_made_out_is_refused(size: tuple[int, int], tmp_path: Path) -> None:
    error = _refusal(_saved(tmp_path, "a.png", Image.new("RGB", size)))
    assert error.code == "PHOTO_TOO_SMALL"
    assert f"{size[0]} x {size[1]}" in error.message


@pytest.mark.parametrize("color", [(255, 255, 255, 255), (0, 0, 0, 0), (9, 9, 9, 0)])
def test_a_picture_of_one_color_shows_nothing(color: tuple[int, ...], tmp_path: Path) -> None:
    assert _refusal(_saved(tmp_path, "a.png", Image.new("RGBA", SIZE, color))).code == "PHOTO_BLANK"


def test_hidden_colors_under_full_transparency_show_nothing(tmp_path: Path) -> None:
    image = a_picture(mode="RGBA")
    image.putalpha(0)
    assert _refusal(_saved(tmp_path, "a.png", image)).code == "PHOTO_BLANK"


def test_what_is_sent_is_small_enough_and_the_same_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_decode, "MAX_SENT_BYTES", 200_000)
    monkeypatch.setattr(picture_decode, "MAX_SENT_SIDE_PX", 600)
    noise = np.random.default_rng(2).integers(0, 256, (400, 900, 3), dtype=np.uint8)
    for lossless, alpha in ((True, 255), (False, 255), (True, 200)):
        pixels = Image.fromarray(noise).convert("RGBA")
        pixels.putalpha(alpha)
        decoded = Decoded(pixels=pixels, mime="", lossless=lossless)
        content, mime = encode(decoded, "a")
        assert (content, mime) == encode(decoded, "a")
        assert len(content) <= 200_000
        assert max(Image.open(io.BytesIO(content)).size) <= 600
        assert mime == ("image/jpeg" if alpha == 255 else "image/png")


def test_a_thread_of_a_picture_is_not_made_thinner_than_can_be_sent() -> None:
    strip = a_picture((20_000, 64), "RGBA")
    with pytest.raises(ProductError) as caught:
        encode(Decoded(pixels=strip, mime="", lossless=True), "a")
    assert caught.value.code == "PHOTO_TOO_SMALL"


@given(kind=st.sampled_from(["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"]), data=st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_damage_gives_a_picture_or_a_plain_refusal(kind: str, data: st.DataObject, tmp_path: Path) -> None:
    target = io.BytesIO()
    a_picture((64, 64)).save(target, kind)
    content = bytearray(target.getvalue())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "x"
    path.write_bytes(content)
    with suppress(ProductError):
        assert len(decode(path, "x").sha256) == 64
