# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC1010,SC2034 # "then" is a word of sml; the lists are for the tests
#
# contract.bash - the tools with as little to do as there can be, so that one test holds all of them to what sml(7)
# promises; what contract-*.bats begin with behind helper.bash.

filters='features classify route'	# what looks into records
streams="$filters replay chain"		# what writes records; chain: sml features then route
all="$streams train"
binaries='sml-replay sml-features sml-classify sml-route sml-train'

# become NAME [OPTION...]: this process becomes the tool; reads stdin, and train writes its model to stdout
become() {
	local name=$1
	shift
	case $name in
	features) set -- sml-features "$@" -d 'n = count()' ;;
	classify) set -- sml-classify "$@" -m "$SML_ROOT/data/model.json" ;;
	route) set -- sml-route "$@" 'id >= 0=-' error=- '*=-' ;;
	chain) set -- sml features "$@" -d 'n = count()' then route -q 'id >= 0=-' error=- '*=-' ;;
	train) set -- sml-train "$@" -y label -x id -m - ;;
	replay) set -- sml-replay "$@" ;;
	esac
	exec "$@" 3>&- 4>&-
}

tool() {
	(become "$@")
}
export -f become tool

# The names in messages: of the stage that reads, and of the one that writes.
reader() {
	[ "$1" = chain ] && echo sml-features || echo "sml-$1"
}

writer() {
	[ "$1" = chain ] && echo sml-route || echo "sml-$1"
}

# records FROM TO: a line each
records() {
	seq "$1" "$2" | sed 's/.*/{"id":&,"timestamp":&000,"label":"&","features":{"basket_size":1,"total_value":3,"user_history":2}}/
		s/"label":"[0-9]*[02468]"/"label":0/; s/"label":"[0-9]*"/"label":1/'
}

# ids: of stdin's records, on one line; an error record is its errorType and line
ids() {
	jq -rR 'fromjson | if ._sml then "\(.errorType)@\(.line)" else .id end' | paste -sd ' '
}

# rows: of the model on stdin
rows() {
	jq .training.rows
}

# in_pieces N: stdin, N bytes at a time, with a little time between
in_pieces() {
	python3 -c '
import os, sys, time
data = sys.stdin.buffer.read()
n = int(sys.argv[1])
for i in range(0, len(data), n):
    os.write(1, data[i:i + n])
    time.sleep(0.0005)' "$1"
}

contract_setup() {
	common_setup
	export SOURCE_DATE_EPOCH=1700000000
}
