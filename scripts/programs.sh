#!/bin/sh
# What the demo, and with `test` the tests, take from the system: installed where this runs as root on a Debian system,
# named with the command that installs them elsewhere. No service is started.
set -eu

missing=""
need() {
    package=$1
    shift
    for name; do
        if command -v "$name" >/dev/null 2>&1; then return; fi
    done
    case " $missing " in
    *" $package "*) ;;
    *) missing="$missing $package" ;;
    esac
}
if ! python3 -c 'import ensurepip' 2>/dev/null; then missing=" python3-venv"; fi
need prometheus prometheus
need prometheus promtool
need prometheus-alertmanager prometheus-alertmanager alertmanager
need prometheus-alertmanager amtool
if [ "${1:-}" = test ]; then
    # The metadata collector is tested on real databases.
    need postgresql pg_lsclusters
    need pgbouncer pgbouncer
    need mariadb-server mariadbd
    # Celery's queues are read in a real Redis and a real RabbitMQ.
    need redis-server redis-server
    need rabbitmq-server rabbitmq-server
    # Pages inside Airflow's UI and the dashboards' preview are looked at in a real browser.
    need chromium chromium
    need chromium-driver chromedriver
    # A release's tag is signed.
    need openssh-client ssh-keygen
    # Filebeat is built, and Elasticsearch fetched and started.
    need golang-go go
    need maven mvn
    need openjdk-17-jdk-headless javac
fi
if [ -z "$missing" ]; then exit 0; fi

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "not installed:$missing" >&2
    echo "install them with: apt-get install$missing     (Prometheus and Alertmanager also: https://prometheus.io/download)" >&2
    exit 1
fi

policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    # Debian's packages start their services unless this says no.
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod 755 $policy
    trap 'rm -f $policy' EXIT
    trap 'exit 130' INT TERM
fi
echo "installing$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq </dev/null
# shellcheck disable=SC2086  one word a package
apt-get install -y -qq --no-install-recommends $missing </dev/null >/dev/null
