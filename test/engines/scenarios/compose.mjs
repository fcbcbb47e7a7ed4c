/** A project of two services: a store, which keeps a line for each of its starts in a volume, and a web that shows them. */

const project = `
cat > docker-compose.yml <<'END'
services:
  store:
    image: bb
    command: [sh, -c, 'echo started >> /data/starts; touch /ready; exec httpd -f -p 80 -h /data']
    volumes: [data:/data]
    healthcheck: { test: [CMD, test, -e, /ready], interval: 1s, retries: 30 }
    stop_signal: SIGKILL
  web:
    image: bb
    runtime: \${RUNTIME_NAME}
    command:
      - sh
      - -c
      - 'mkdir -p /www; for i in $$(seq 600); do wget -q -O /www/starts http://store/starts && break; sleep 0.1; done; echo "web serves"; exec httpd -f -p 80 -h /www'
    depends_on: { store: { condition: service_healthy } }
    stop_signal: SIGKILL
volumes:
  data:
END
compose() { docker-compose --ansi never -p project "$@" 2>>log || { code=$?; cat log >&2; return $code; }; }
ask() { docker exec project_web_$1 wget -q -O - http://127.0.0.1/starts; }
shown() { eventually ask $1; ask $1 | wc -l; }
serving() { compose logs --no-color web > logs; [ $(grep -c 'web serves' logs) = $1 ]; }
`

/** @type {readonly import('../compare.mjs').Scenario[]} */
export const composeScenarios = [
  {
    title: 'up in the order of depends_on, scale, logs',
    timeout: 180_000,
    script: `${project}
      compose up -d; echo $?; shown 1
      docker inspect -f '{{.State.Health.Status}}' project_store_1
      compose up -d --scale web=3; compose ps -q web | wc -l; shown 2; shown 3
      eventually serving 3; echo $?
      compose up -d --scale web=1; compose ps -q web | wc -l
      compose down -v; docker ps -aq | wc -l`,
    prints: '0\n1\nhealthy\n3\n1\n1\n0\n1\n0\n',
  },
  {
    title: 'restart, exec, run, down; the named volume outlives all but down -v',
    timeout: 180_000,
    script: `${project}
      compose up -d; compose restart store; compose restart web; shown 1
      compose exec -T store sh -c 'exit 9'; echo $?
      compose run --rm --no-deps -T web head -n 1 /etc/group
      compose down; docker ps -aq | wc -l; docker network ls -q -f name=project | wc -l; docker volume ls -q
      compose up -d; shown 1
      compose down -v; docker volume ls -q | wc -l`,
    prints: '2\n9\nroot:x:0:\n0\n0\nproject_data\n3\n0\n',
  },
]
