"""Signatures of versions: what is good, what is refused and why, and that a version stays as it was."""

import base64
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from models.artifact import Artifact
from models.errors import StoreError, UnsignedError
from models.manifest import Manifest
from models.parts import File
from models.repository import Repository
from models.signature import SigningKey, TrustedKeys, key_id

MakeManifest = Callable[[int, dict[str, File]], Manifest]
Publish = Callable[..., Artifact]
PAGE = Path(__file__).parents[2] / "docs" / "security.md"

# Run as `python -c`: runs a command, and fails when that imported cryptography.
LOOKER = """
import sys
from models.__main__ import main

main(sys.argv[1:])
sys.exit("cryptography" in sys.modules)
"""

# RFC 8032, section 7.1, test 1.
SECRET = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
PUBLIC = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return SigningKey.make(tmp_path / "release.pem")


def trust(tmp_path: Path, **keys: SigningKey) -> TrustedKeys:
    """Write a file of trusted keys as a person would, and read it."""
    path = tmp_path / "trusted-keys.txt"
    lines = [f" {name}:{base64.b64encode(key.public).decode()}  # since May" for name, key in keys.items()]
    path.write_text("\n".join(["# who releases", "", *lines]), "utf-8-sig")
    return TrustedKeys.read(path)


def test_a_signed_version_says_who_signed_it(
    repository: Repository, publish: Publish, key: SigningKey, tmp_path: Path
) -> None:
    """Its folder and digest stay as they were; without trusted keys nothing asks for a signature."""
    artifact = publish()
    before = {path.name: path.read_bytes() for path in artifact.path.iterdir()}
    assert repository.sign("tiny", 1, key) == artifact
    assert {path.name: path.read_bytes() for path in artifact.path.iterdir()} == before
    found = repository.resolve("tiny", trusted=trust(tmp_path, release=key))
    assert found.signed is not None
    assert (found.signed.by, found.signed.key_id) == ("release", key_id(key.public))
    assert found.digest == artifact.digest
    assert found.signed.time.endswith("Z")
    assert repository.resolve("tiny") == artifact
    assert repository.names() == ["tiny"]
    assert repository.versions("tiny") == [1]


def test_several_keys_are_trusted_and_one_may_go(
    repository: Repository, publish: Publish, key: SigningKey, tmp_path: Path
) -> None:
    """Rotation: trust both, sign again, forget the old one. What it alone signed is then refused."""
    publish(), publish()
    new = SigningKey.make(tmp_path / "new.pem")
    repository.sign("tiny", 1, key)
    repository.sign("tiny", 2, key)
    both = trust(tmp_path, old=key, new=new)
    repository.sign("tiny", 2, new)
    signers = [repository.resolve("tiny", version, both).signed for version in (1, 2)]
    assert [each and each.by for each in signers] == ["old", "new"]
    only = trust(tmp_path, new=new)
    assert repository.resolve("tiny", 2, only)
    with pytest.raises(UnsignedError, match=rf"/tiny/1\.sig: key {key_id(key.public)} is not trusted$"):
        repository.resolve("tiny", 1, only)


def test_each_way_of_being_unsigned_says_which(
    repository: Repository, publish: Publish, key: SigningKey, tmp_path: Path
) -> None:
    """Missing, broken, of other bytes, with another time, by a key that says that it is the trusted one."""
    publish(), publish()
    trusted = trust(tmp_path, release=key)
    path = repository.root / "tiny" / "1.sig"

    def refused(reason: str) -> None:
        with pytest.raises(UnsignedError, match=rf"\A[^\n]*/tiny/1\.sig: {reason}\Z"):
            repository.resolve("tiny", 1, trusted)

    refused("missing, the version is not signed")
    repository.sign("tiny", 1, key)
    good = json.loads(path.read_bytes())
    repository.sign("tiny", 2, key)
    other = json.loads(path.with_name("2.sig").read_bytes())
    stranger = SigningKey.make(tmp_path / "stranger.pem").sign(
        (repository.root / "tiny/1/manifest.json").read_bytes()
    )
    for changed, reason in (
        ({**good, "signature": other["signature"]}, "not what release signed"),
        ({**good, "time": "2020-01-01T00:00:00Z"}, "not what release signed"),
        ({**good, "signature": stranger.signature}, "not what release signed"),
        ({**good, "key_id": stranger.key_id}, f"key {stranger.key_id} is not trusted"),
        ({**good, "signature": good["signature"][:-4]}, "not a signature: 'signature': .*"),
        ({**good, "key_id": "../x\n"}, "not a signature: 'key_id': .*"),
        ({**good, "time": None}, "not a signature: 'time': .*"),
        ({"key_id": good["key_id"]}, "not a signature: 'signature': Field required"),
        ([], "not a signature: .*"),
    ):
        path.write_text(json.dumps(changed))
        refused(reason)
    path.write_text(json.dumps({**good, "since": "a later release"}))
    assert repository.resolve("tiny", 1, trusted)
    path.unlink()
    path.mkdir()
    refused("not a regular file")


def test_the_signature_is_looked_at_before_the_manifest_is(
    repository: Repository, publish: Publish, key: SigningKey, tmp_path: Path
) -> None:
    """What is not signed is not parsed; what is signed and damaged is refused as ever."""
    artifact = publish()
    repository.sign("tiny", 1, key)
    trusted = trust(tmp_path, release=key)
    manifest = artifact.path / "manifest.json"
    raw = manifest.read_bytes()
    manifest.write_bytes(b"{")
    with pytest.raises(UnsignedError, match="not what release signed"):
        repository.resolve("tiny", 1, trusted)
    manifest.write_bytes(raw)
    (artifact.path / "model.pt").write_bytes(b"")
    with pytest.raises(StoreError, match="0 bytes") as caught:
        repository.resolve("tiny", 1, trusted)
    assert not isinstance(caught.value, UnsignedError)
    with pytest.raises(StoreError, match="0 bytes"):
        repository.sign("tiny", 1, key)


def test_a_signature_is_of_one_name_and_one_version(
    repository: Repository, publish: Publish, key: SigningKey, tmp_path: Path
) -> None:
    """Moved with its folder to another number or model, it does not help."""
    artifact = publish()
    repository.sign("tiny", 1, key)
    model = repository.root / "tiny"
    artifact.path.rename(model / "2")
    (model / "1.sig").rename(model / "2.sig")
    with pytest.raises(StoreError, match="is of tiny 1, not of tiny 2"):
        repository.resolve("tiny", 2, trust(tmp_path, release=key))


def test_a_signature_is_found_through_links_inside_the_store_alone(
    repository: Repository, publish: Publish, key: SigningKey, tmp_path: Path
) -> None:
    """As every file of a mounted store."""
    publish()
    repository.sign("tiny", 1, key)
    trusted = trust(tmp_path, release=key)
    path = repository.root / "tiny" / "1.sig"
    path.rename(path.with_name("..sig"))
    path.symlink_to("..sig")
    assert repository.resolve("tiny", 1, trusted).signed
    path.with_name("..sig").rename(tmp_path / "outside.sig")
    path.unlink()
    path.symlink_to("../../outside.sig")
    with pytest.raises(UnsignedError, match="a link leads out of the store"):
        repository.resolve("tiny", 1, trusted)


def test_promotions_may_ask_for_a_signature(
    repository: Repository, publish: Publish, key: SigningKey, tmp_path: Path
) -> None:
    """Forth and back."""
    publish(), publish()
    trusted = trust(tmp_path, release=key)
    for attempt in (
        lambda: repository.promote("tiny", 1, trusted=trusted),
        lambda: repository.rollback("tiny", trusted),
    ):
        with pytest.raises(UnsignedError):
            attempt()
    assert repository.current("tiny") == 2
    repository.sign("tiny", 1, key)
    assert repository.rollback("tiny", trusted).signed


def test_a_signature_is_what_the_format_says() -> None:
    """Of a known key and time, over the prefix, the time and the manifest; checked without our own code."""
    key = SigningKey(ed25519.Ed25519PrivateKey.from_private_bytes(SECRET))
    assert key.public == PUBLIC
    assert key_id(PUBLIC) == "21fe31dfa154a261"
    made = key.sign(b"{}\n")
    public = ed25519.Ed25519PublicKey.from_public_bytes(PUBLIC)
    signed = b"logitserve version 1\n" + made.time.encode() + b"\n{}\n"
    public.verify(base64.b64decode(made.signature), signed)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no keys in it"),
        ("# none\n\n", "no keys in it"),
        ("one:AAAA", "line 1: wanted <name>:<base64 of an Ed25519 public key>"),
        (f"# first\n{'A' * 43}=", "line 2: wanted .*"),
        (f"a b:{'A' * 43}=", "line 1: wanted .*"),
        (f"one:{'A' * 43}=\ntwo:\u00e9", "line 2: wanted .*"),
        (f"one:{'A' * 43}= two", "line 1: wanted .*"),
    ],
)
def test_a_wrong_line_of_trusted_keys_is_named(tmp_path: Path, text: str, reason: str) -> None:
    """By its number; a file without keys would refuse everything, and is refused."""
    path = tmp_path / "keys.txt"
    path.write_text(text)
    with pytest.raises(StoreError, match=rf"\A{path}: {reason}\Z"):
        TrustedKeys.read(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(StoreError, match="not UTF-8"):
        TrustedKeys.read(path)


def test_a_private_key_is_pem_of_ed25519(tmp_path: Path) -> None:
    """Anything else is named; one that openssl made does."""
    path = tmp_path / "key.pem"

    def written(
        key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey, secret: bytes | None = None
    ) -> None:
        how = serialization.BestAvailableEncryption(secret) if secret else serialization.NoEncryption()
        pem = serialization.Encoding.PEM
        path.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, how))

    ed = ed25519.Ed25519PrivateKey.from_private_bytes(SECRET)
    written(ed)
    assert SigningKey.read(path).public == PUBLIC
    written(ed, b"secret")
    with pytest.raises(StoreError, match=r"key\.pem: a key with a passphrase"):
        SigningKey.read(path)
    written(ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(StoreError, match=r"key\.pem: not an Ed25519 key"):
        SigningKey.read(path)
    path.write_text("release:AAAA")
    with pytest.raises(StoreError, match=r"key\.pem: not a private key in PEM"):
        SigningKey.read(path)


def test_the_commands_of_the_page_on_security_work(
    files: dict[str, bytes], make_manifest: MakeManifest, tmp_path: Path
) -> None:
    """From the first key to the second, one after the other; at the end the new key alone is trusted."""
    store = Repository(tmp_path / "models" / "store")
    for promote in (True, False):
        store.publish(
            "breast-cancer",
            files,
            lambda *made: make_manifest(*made).model_copy(update={"name": "breast-cancer"}),
            promote=promote,
        )
    blocks = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if "make " not in line]
    assert len(lines) == 11
    for line in lines:
        command = line.replace(".venv/bin/python", shlex.quote(sys.executable))
        subprocess.run(["sh", "-c", command], cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    trusted = TrustedKeys.read(tmp_path / "trusted-keys.txt")
    signed = store.resolve("breast-cancer", trusted=trusted).signed
    assert signed is not None
    assert signed.by == "release-2"
    assert store.current("breast-cancer") == 2


def test_who_neither_signs_nor_checks_does_not_import_cryptography(
    repository: Repository, publish: Publish
) -> None:
    """It costs a start some tens of milliseconds and MB."""
    publish()
    command = [sys.executable, "-c", LOOKER, "verify", "--store", str(repository.root)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
