#!/bin/sh
# Build the image with docker, podman or buildah, and write its bill of materials to build/.
#   TARGET=cpu|cuda|training|with-model  TAG=logitserve  BASE=an image, or `local` for one made here from Debian packages
#   WHEELS=build/wheelhouse-cuda, a folder of wheels that you filled  ENGINE=docker|podman|buildah, else what is there
set -eu
cd "$(dirname "$0")/.."
TARGET=${TARGET:-cpu} TAG=${TAG:-logitserve}
PYTHON=$(.venv/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
BASE=${BASE:-docker.io/library/python:$PYTHON-slim-bookworm} # wheels fit one version of Python

if [ -z "${ENGINE:-}" ]; then
    if docker info >/dev/null 2>&1; then
        ENGINE=docker
    elif command -v podman >/dev/null; then
        ENGINE=podman
    else
        ENGINE=buildah
    fi
fi

if [ -z "${WHEELS:-}" ]; then
    [ "$TARGET" != cuda ] || { echo "error: TARGET=cuda: wanted WHEELS, a folder of wheels with a CUDA build of torch" >&2 && exit 2; }
    WHEELS=build/wheelhouse
    if [ ! -d "$WHEELS" ] || [ constraints.txt -nt "$WHEELS" ] || [ pyproject.toml -nt "$WHEELS" ]; then
        rm -rf "$WHEELS" build/wheelhouse.part && mkdir -p build/wheelhouse.part
        .venv/bin/pip download --quiet --disable-pip-version-check --constraint constraints.txt --dest build/wheelhouse.part \
            '.[training]' hatchling cyclonedx-bom
        rm -f build/wheelhouse.part/logitserve-*
        mv build/wheelhouse.part "$WHEELS"
    fi
fi

# chroot and vfs ask the least of the machine: no user namespaces, no overlay.
buildah="buildah --storage-driver vfs"
if [ "$BASE" = local ]; then
    BASE=localhost/logitserve-base
    if ! $buildah inspect --type image "$BASE" >/dev/null 2>&1; then
        mkdir -p build
        [ -f build/base.tar ] || mmdebstrap --variant=minbase --include=python3,python3-venv bookworm build/base.tar
        base=$($buildah from scratch)
        $buildah add --quiet "$base" build/base.tar /
        $buildah commit --quiet --rm "$base" "$BASE"
    fi
fi

EXTRA=
[ "$TARGET" != training ] || EXTRA="[training]"
set -- --file deploy/Dockerfile --target "$TARGET" --tag "$TAG" --build-arg "BASE=$BASE" --build-arg "WHEELS=$WHEELS" \
    --build-arg "EXTRA=$EXTRA" --build-arg "REVISION=$(git rev-parse HEAD 2>/dev/null || echo unknown)"
SBOM=build/$(echo "$TAG" | tr / -).sbom.json
case $ENGINE in
docker)
    docker build "$@" .
    docker run --rm --entrypoint cat "$TAG" /app/sbom.json >"$SBOM"
    docker history "$TAG"
    ;;
podman)
    podman build --format docker --ignorefile deploy/Dockerfile.dockerignore "$@" .
    podman run --rm --entrypoint cat "$TAG" /app/sbom.json >"$SBOM"
    podman history "$TAG"
    ;;
buildah)
    $buildah build --isolation chroot --format docker --ignorefile deploy/Dockerfile.dockerignore "$@" .
    built=$($buildah from "$TAG")
    cp "$($buildah mount "$built")/app/sbom.json" "$SBOM"
    $buildah rm "$built" >/dev/null
    $buildah images "$TAG"
    ;;
*)
    echo "error: ENGINE=$ENGINE: wanted docker, podman or buildah" >&2
    exit 2
    ;;
esac
echo "wrote $SBOM"
