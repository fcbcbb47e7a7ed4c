/** Services of a swarm that has one node. */

const watch = `
running() {
  tasks=$(docker service ps --filter desired-state=running --format '{{.CurrentState}}' web | grep -c '^Running')
  [ "$tasks" = $1 ] && [ "$(docker ps -q | wc -l)" = $1 ]
}
wait_for() { eventually running $1; echo "$tasks running"; }
gone() { [ -z "$(docker ps -aq)" ]; }
create() { docker service create -d -q --no-resolve-image --restart-delay 0s --stop-grace-period 1s "$@" >/dev/null; echo $?; }
`

/** @type {readonly import('../compare.mjs').Scenario[]} */
export const swarmScenarios = [
  {
    title: 'replicas, scale, a killed task is replaced, a rolling update, rm',
    timeout: 180_000,
    script: `${watch}
      create --name web --replicas 2 --env VERSION=1 bb sh -c 'echo version $VERSION; exec sleep 1000'
      wait_for 2; docker service scale -d web=4; wait_for 4
      victim=$(docker ps -q | head -n 1); docker kill $victim >/dev/null
      replaced() { running 4 && ! docker ps -q | grep $victim; }
      eventually replaced; echo $?
      docker service ps --filter desired-state=shutdown --format '{{.CurrentState}}' web | cut -d' ' -f1
      docker service ps --filter desired-state=shutdown --format '{{.Error}}' web
      docker service update -d --env-add VERSION=2 --update-parallelism 2 --update-monitor 1s web
      updated() { docker service inspect -f '{{.UpdateStatus.State}}' web | grep -x completed; }
      eventually updated; updated; wait_for 4
      for task in $(docker ps -q); do docker exec $task sh -c 'echo $VERSION'; done
      docker service scale -d web=1; wait_for 1
      eventually sh -c 'docker service logs --raw web | grep "version 2"'; echo $?
      docker service rm web; eventually gone; docker ps -aq | wc -l`,
  },
  {
    title: 'services of one overlay network reach each other by name, and publish a port of the host',
    timeout: 180_000,
    needs: {
      script: 'ip link add probe type vxlan id 9 dstport 0 && ip link del probe',
      what: 'the vxlan of the kernel',
    },
    script: `${watch}
      docker network create -d overlay over >/dev/null
      serve='mkdir /www; for i in $(seq 600); do fetch > /www/index.html && break; sleep 0.1; done; exec httpd -f -p 80 -h /www'
      create --name store --network over --endpoint-mode dnsrr bb sh -c "fetch() { echo found; }; $serve"
      create --name web --network over --endpoint-mode dnsrr --publish mode=host,published=8080,target=80 \\
        bb sh -c "fetch() { wget -q -O - http://store/; }; $serve"
      eventually busybox wget -q -O - http://127.0.0.1:8080/; busybox wget -q -O - http://127.0.0.1:8080/
      docker service rm store web; eventually gone; eventually docker network rm over; echo $?`,
    prints: '0\n0\nfound\nstore\nweb\n0\n',
  },
]
