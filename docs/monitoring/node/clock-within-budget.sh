#!/bin/sh
# A custom plugin of node-problem-detector: the Node condition ClockWithinBudget, from the last check
# of skewgate-node.timer. For node-problem-detector, 1 is True, 0 is False, and anything else Unknown.
file=${1:-/run/skewgate/clock.condition}
oldest_s=55

unknown() {
    printf '%s\n' "$1"
    exit 2
}

[ -r "$file" ] || unknown "no check of the clock yet; see systemctl status skewgate-node.timer on the node"
read -r status begun_s why < "$file" || unknown "cannot read $file"
read -r now_s _ < /proc/uptime || unknown "cannot read /proc/uptime"
now_s=${now_s%%.*}
# Whole numbers, without zeros before them and not too long: a shell that fails to count ends with 1,
# which is True.
case "$begun_s,$now_s" in
    *[!0-9,]* | ,* | *, | 0[0-9]* | ????????????*,*) unknown "cannot read $file" ;;
esac
# Counted since the boot, because the clock may be wrong.
age_s=$((now_s - begun_s))
if [ "$age_s" -lt 0 ] || [ "$age_s" -gt "$oldest_s" ]; then
    unknown "the last check of the clock was $age_s s ago; see systemctl status skewgate-node.timer on the node"
fi
# Not echo, which reads backslashes.
printf '%s\n' "$why"
case "$status" in
    True) exit 1 ;;
    False) exit 0 ;;
    *) exit 2 ;;
esac
