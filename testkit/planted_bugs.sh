#!/usr/bin/env bash
# Builds each planted bug into the simulation and shows after how many events it is found. Names as arguments: those
# alone. Fails if one is not found within 10^7 events.
#
# What is wrong with devices is for the hub's model to find as well, and it is shown after how many of its random stories.
#
# A bug is a `--cfg planted_bug="…"` for the packages of this project alone, so that the others are built once.
set -euo pipefail
cd "$(dirname "$0")/.."

# As Cargo.toml declares them.
bugs=$(sed -n 's/.*cfg(planted_bug, values("\([a-z_]*\)")).*/\1/p' Cargo.toml)
of_devices=" difference_forgets_who_left other_device_not_told read_mark_goes_back private_for_one_device other_room_left_as_well "
wrappers=target/planted_bugs
mkdir -p "$wrappers"
status=0
for bug in ${*:-$bugs}; do
    wrapper="$PWD/$wrappers/$bug"
    printf '#!/bin/sh\nrustc=$1; shift\nexec "$rustc" "$@" --cfg '"'"'planted_bug="%s"'"'"'\n' "$bug" > "$wrapper"
    chmod +x "$wrapper"
    export RUSTC_WORKSPACE_WRAPPER="$wrapper"
    if [[ $of_devices == *" $bug "* ]]; then
        cargo test --quiet -p chatroom-core --test places_model --no-run
        if PROPTEST_DISABLE_FAILURE_PERSISTENCE=1 cargo test -p chatroom-core --test places_model &> "$wrappers/$bug.txt"; then
            printf '%-34s NOT FOUND\n' "$bug"
            status=1
        else
            stories=$(sed -n 's/.*successes: \([0-9]*\).*/\1/p' "$wrappers/$bug.txt")
            printf '%-34s %8d stories\n' "$bug" "$stories"
        fi
    fi
    cargo build --quiet -p testkit --bin simulate
    if found=$(target/debug/simulate --seeds 1000 --from 1 | tee "$wrappers/$bug.txt"); then
        printf '%-34s NOT FOUND\n' "$bug"
        status=1
    else
        events=$(sed -n 's/.*found after \([0-9]*\) events.*/\1/p' "$wrappers/$bug.txt")
        printf '%-34s %8d events\n' "$bug" "$events"
        [ "$events" -gt 0 ] && [ "$events" -le 10000000 ] || status=1
    fi
done
exit $status
