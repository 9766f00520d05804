#!/bin/sh
# Build the image with what this machine has: docker, podman or buildah. Its bill of materials goes to build/$TAG.sbom.json.
#   TARGET=cpu|cuda|training|with-model  TAG=logitserve  BASE=an image, or `local` for one made here from Debian packages
set -eu
cd "$(dirname "$0")/.."
TARGET=${TARGET:-cpu} TAG=${TAG:-logitserve} BASE=${BASE:-python:3.11-slim-bookworm}
WHEELS=${WHEELS:-build/wheelhouse}

if [ ! -d "$WHEELS" ] || [ constraints.txt -nt "$WHEELS" ] || [ pyproject.toml -nt "$WHEELS" ]; then
    rm -rf "$WHEELS" && mkdir -p "$WHEELS"
    .venv/bin/pip download --quiet --disable-pip-version-check --constraint constraints.txt --dest "$WHEELS" '.[training]' hatchling cyclonedx-bom
    rm -f "$WHEELS"/logitserve-* && touch "$WHEELS"
fi

EXTRA=
[ "$TARGET" = training ] && EXTRA="[training]"
set -- --file deploy/Dockerfile --target "$TARGET" --tag "$TAG" --build-arg "WHEELS=$WHEELS" --build-arg "EXTRA=$EXTRA" \
    --build-arg "REVISION=$(git rev-parse HEAD 2>/dev/null || echo unknown)"
SBOM=build/$TAG.sbom.json
if docker info >/dev/null 2>&1; then
    docker build "$@" --build-arg "BASE=$BASE" .
    docker run --rm --entrypoint cat "$TAG" /app/sbom.json >"$SBOM"
    docker history "$TAG"
elif command -v podman >/dev/null; then
    podman build "$@" --format docker --ignorefile deploy/Dockerfile.dockerignore --build-arg "BASE=$BASE" .
    podman run --rm --entrypoint cat "$TAG" /app/sbom.json >"$SBOM"
    podman history "$TAG"
else
    # chroot and vfs ask the least of the machine: no user namespaces, no overlay.
    buildah="buildah --storage-driver vfs"
    if [ "$BASE" = local ]; then
        BASE=localhost/logitserve-base
        if ! $buildah inspect --type image "$BASE" >/dev/null 2>&1; then
            [ -f build/base.tar ] || mmdebstrap --variant=minbase --include=python3,python3-venv bookworm build/base.tar
            base=$($buildah from scratch)
            $buildah add --quiet "$base" build/base.tar /
            $buildah commit --quiet --rm "$base" "$BASE"
        fi
    fi
    $buildah build --isolation chroot --format docker --ignorefile deploy/Dockerfile.dockerignore \
        "$@" --build-arg "BASE=$BASE" .
    built=$($buildah from "$TAG")
    cat "$($buildah mount "$built")/app/sbom.json" >"$SBOM"
    $buildah rm "$built" >/dev/null
    $buildah images "$TAG"
fi
