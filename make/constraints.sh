#!/bin/sh
# Pin the newest versions that work together, in constraints.txt and for the build backend in pyproject.toml.
# What the oldest Python takes is taken for all; what a later one needs besides is pinned for that one.
set -eu
new=build/constraints.txt
mkdir -p build
: >$new
for version in 3.11 3.12 3.13; do
	python=$(sh make/python.sh $version) || {
		echo "Pins are made with Python 3.11, 3.12 and 3.13: $version is not here" >&2
		exit 1
	}
	venv=build/constraints-$version
	rm -rf $venv
	echo "Python $version"
	${MAKE:-make} --no-print-directory PYTHON="$python" VENV=$venv EXTRAS=test,fuzz \
		CONSTRAINTS="--upgrade --constraint $new" $venv/.test
	if [ -s $new ]; then marker="; python_version == '$version'"; else marker=; fi
	$venv/bin/python -m pip freeze --all --exclude-editable | grep -E '^[A-Za-z0-9._-]+==' | grep -v '^pip==' >$new.installed
	grep -vxF -f $new $new.installed | sed "s/\$/$marker/" >$new.more
	cat $new.more >>$new
	rm -rf $venv
done
{
	sed -n '/^#/p' constraints.txt
	LC_ALL=C sort -f $new
} >$new.sorted
mv $new.sorted constraints.txt
sed "s/hatchling==[^\"]*/$(grep '^hatchling==' constraints.txt)/" pyproject.toml >build/pyproject.toml
mv build/pyproject.toml pyproject.toml
rm $new $new.*
