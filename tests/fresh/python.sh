#!/bin/sh
# A fresh clone, an empty HOME, no cache of pip, for one Python: python.sh VERSION
# Every pin must come as a wheel, but for those that constraints.txt says are built. Where no Python of that version is
# here, only that is checked, by the pip of the project's own environment.
set -eu
version=$1
folder=$FRESH/python-$version
built=$(sed -n 's/^# built from source: *//p' constraints.txt | tr ' ' '\n')
wheels=$(sed -n 's/^\([A-Za-z0-9._-]*\)==.*/\1/p' constraints.txt | grep -vxF "$built" | paste -sd,)

if ! python=$(sh make/python.sh "$version"); then
	echo "No Python $version here: what is left is whether each pin has a wheel for it"
	grep -vE "^#|^($(echo "$built" | paste -sd'|'))==" constraints.txt >"$folder.txt"
	exec .venv/bin/python make/say.py .venv/bin/python -m pip --disable-pip-version-check install --dry-run \
		--ignore-installed --no-deps --target "$folder" --python-version "$version" \
		--only-binary :all: --requirement "$folder.txt"
fi

rm -rf "$folder"
mkdir -p "$folder/home"
git clone --quiet . "$folder/ike-analyzer"
fresh() {
	(cd "$folder/ike-analyzer" && sh tests/fresh/bare.sh "$folder/home" env PIP_ONLY_BINARY="$wheels" \
		${CAPTURES:+IKE_ANALYZER_CAPTURES="$CAPTURES"} \
		${IKE_ANALYZER_NO_SKIP:+IKE_ANALYZER_NO_SKIP="$IKE_ANALYZER_NO_SKIP"} \
		make --no-print-directory PYTHON="$python" "$1")
}
fresh run
fresh "${SUITE:-quick}"
rm -rf "$folder"
