/**
 * `npm run bench -- images`: pull and unpack beside Podman, Docker and tar, from a registry on loopback, side by side in one run, as root.
 * Prints tables, writes benchmarks/results/images-<date>.json, and exits with 1 if a budget is not kept. `--quick` is for trying it out.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openImages } from '../../dist/image/index.js'
import { startRegistry } from '../../test/engines/docker.mjs'
import { command, demand, machine, pathOf, say, write } from '../machine.mjs'
import { budgetTable, judge } from '../report.mjs'
import { measure } from '../rounds.mjs'
import { median, ratio } from '../statistics.mjs'
import { makeImage } from './content.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const isQuick = process.argv.includes('--quick')
const rounds = isQuick ? 1 : 5
const SIZES = { small: { megabytes: 30, layers: 3 }, large: { megabytes: isQuick ? 60 : 300, layers: 5 } }
const HOST = '127.0.0.1:5000'
const LIMIT_MS = 600_000

/** Scripts in the namespaces of the engines, which all have the same registry. */
function workbench(engine, folder) {
  const output = async script => {
    const { exitCode, stdout, stderr } = await engine.run(script, { timeout: LIMIT_MS })
    if (exitCode !== 0) throw new Error(`${script} ended with ${exitCode}: ${stderr}`)
    return stdout.trim()
  }
  const node = process.execPath
  const timed = async script => {
    const [begin, end] = (await output(`date +%s%N; ${script} >/dev/null || exit; date +%s%N`)).split('\n').map(Number)
    return (end - begin) / 1000
  }
  const inProcess = async (what, store, name) =>
    JSON.parse(await output(`${node} ${join(here, 'in-process.mjs')} ${what} ${store} ${name} ${folder}`))
  return { output, timed, inProcess, tsrun: `${node} ${command}` }
}

function pullsOf({ output, timed, tsrun, inProcess }, size) {
  const name = `${HOST}/${size}:latest`
  const podman = 'podman --root $WORK/pod --runroot $WORK/podrun --storage-driver overlay'
  const pulls = {
    tsrun: { pull: `${tsrun} image pull -q --unpack --store $WORK/ours ${name}`, clean: 'rm -rf $WORK/ours' },
    podman: { pull: `${podman} pull -q --tls-verify=false ${name}`, clean: `${podman} rmi -a -f` },
    docker: { pull: `docker pull -q ${name}`, clean: `docker rmi -f ${name}` },
  }
  const commands = Object.entries(pulls).map(([engine, { pull, clean }]) => ({
    name: `${engine} pull, ${size}`,
    cycles: 1,
    run: async () => {
      const time = await timed(pull)
      await output(`${clean} >/dev/null`)
      return [time]
    },
  }))
  const run = async () => {
    const { milliseconds } = await inProcess('again', '$WORK/ours', name)
    await output(pulls.tsrun.clean)
    return [milliseconds * 1000]
  }
  return [{ name: `pull in a process, ${size}`, cycles: 1, run }, ...commands]
}

/** `store`, in the namespaces, has the image as `images` has it. Both write the same layers into new directories. */
function unpacksOf({ output, timed, inProcess }, { store, name, images }) {
  const unpack = async () => {
    await output(`rm -rf ${store}/tsrun/layers`)
    return [(await inProcess('unpack', store, name)).milliseconds * 1000]
  }
  const tar = async () => {
    const { manifest } = await images.get(name)
    const all = manifest.layers.map(({ digest }) => digest.slice('sha256:'.length))
    const each = all.map(hex => `mkdir $WORK/tar/${hex} && tar -xzpf ${store}/blobs/sha256/${hex} -C $WORK/tar/${hex}`)
    const time = await timed(`mkdir $WORK/tar && ${each.join(' && ')}`)
    await output('rm -rf $WORK/tar')
    return [time]
  }
  return [
    { name: 'unpack, large', cycles: 1, run: unpack },
    { name: 'tar -x, large', cycles: 1, run: tar },
  ]
}

async function bench(engine, folder) {
  const bench = workbench(engine, folder)
  const store = join(engine.work, 'source')
  const images = openImages({ directory: join(folder, 'source') })
  for (const [size, about] of Object.entries(SIZES)) {
    say(`an image of ${about.megabytes} MB`)
    await makeImage(images, { ...about, name: `${HOST}/${size}:latest`, folder, busybox: pathOf('busybox') })
  }
  await bench.output(`cp -a ${join(folder, 'source')} ${store}`)
  for (const size of Object.keys(SIZES))
    await bench.output(`${bench.tsrun} image push -q --store ${store} ${HOST}/${size}:latest`)
  const large = `${HOST}/large:latest`
  const subjects = [
    ...Object.keys(SIZES).flatMap(size => pullsOf(bench, size)),
    ...unpacksOf(bench, { store, name: large, images }),
  ]
  const results = await measure(subjects, rounds)
  say('containers, memory, and the event loop')
  const run = await bench.inProcess('run', store, large)
  const pull = await bench.inProcess('pull', join(engine.work, 'alone'), large)
  const turns = await bench.inProcess('turns', join(engine.work, 'again'), large)
  return { results, run, pull, turns }
}

function valuesOf({ results, run, pull, turns }) {
  const of = name => results.find(result => result.name === name).rounds
  const against = (ours, theirs) => ratio(of(ours), of(theirs))
  return {
    smallToPodman: against('tsrun pull, small', 'podman pull, small'),
    largeToPodman: against('tsrun pull, large', 'podman pull, large'),
    smallToDocker: against('pull in a process, small', 'docker pull, small'),
    largeToDocker: against('pull in a process, large', 'docker pull, large'),
    unpackToTar: against('unpack, large', 'tar -x, large'),
    runOnLayers: run.ratio,
    pullMemory: pull.memory,
    pullStall: turns.stall,
  }
}

const secondsOf = ({ rounds }) => (median(rounds.flat()) / 1e6).toFixed(2)

/** Against Docker's pull of the same image. */
function toDocker(results, { name, rounds }) {
  const size = /pull.*, (small|large)$/.exec(name)?.[1]
  return size === undefined
    ? ''
    : ratio(rounds, results.find(other => other.name === `docker pull, ${size}`).rounds).toFixed(2)
}

demand(['podman', 'docker', 'dockerd', 'containerd', 'iptables', 'docker-registry', 'tar', 'busybox', 'runc', 'crun'])
const folder = mkdtempSync(join(tmpdir(), 'tsrun-bench-'))
const engine = await startRegistry('runc')
try {
  mkdirSync(join(folder, 'state'))
  const figures = await bench(engine, folder)
  const budgets = JSON.parse(readFileSync(join(here, 'budgets.json'), 'utf8'))
  const verdicts = judge(budgets, valuesOf(figures))
  const { results } = figures
  const rows = results.map(result => `| ${result.name} | ${secondsOf(result)} | ${toDocker(results, result)} |`)
  console.log(
    `${['| | median s | x docker pull |', '|---|---:|---:|', ...rows].join('\n')}\n\n${budgetTable(verdicts)}`,
  )
  write({ machine: machine(), ...figures, verdicts }, 'images-')
  process.exitCode = verdicts.every(({ isKept }) => isKept) ? 0 : 1
} finally {
  await engine.stop()
  await engine.close()
  rmSync(folder, { recursive: true, force: true })
}
