/**
 * The engines, each with tsrun and with runc: `npm run test:engines [-- ENGINE [WORD]]`, as TAP.
 * A machine without an engine skips it and says so; with MUST_RUN=1 that is a failure.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import t from 'tap'
import { compare } from './compare.mjs'
import { needs as containerdNeeds, startContainerd } from './containerd.mjs'
import { needs as criNeeds, startCri } from './cri.mjs'
import {
  composeNeeds,
  needs as dockerNeeds,
  registryNeeds,
  startCompose,
  startDocker,
  startExperimental,
  startRegistry,
  startRemapped,
  startSwarm,
} from './docker.mjs'
import { buildahNeeds, podmanNeeds, rootlessNeeds, startBuildah, startPodman, startRootless } from './podman.mjs'
import { runtimes } from './sandbox.mjs'
import { composeScenarios } from './scenarios/compose.mjs'
import { containerdScenarios } from './scenarios/containerd.mjs'
import { criScenarios } from './scenarios/cri.mjs'
import { usernsScenarios } from './scenarios/docker/userns.mjs'
import { dockerScenarios } from './scenarios/docker.mjs'
import { buildahScenarios, podmanScenarios, rootlessScenarios } from './scenarios/podman.mjs'
import { registryScenarios } from './scenarios/registry.mjs'
import { dockerSavedScenarios, podmanSavedScenarios } from './scenarios/saved.mjs'
import { swarmScenarios } from './scenarios/swarm.mjs'

const [only, word] = process.argv.slice(2)
const asUser = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups']
const bothForms = runtimes.tsrun === runtimes.standalone ? ['tsrun'] : ['tsrun', 'standalone']
const criu = { command: ['criu', 'check'], what: 'a CRIU that works with this kernel' }
const engines = [
  { engine: 'docker', needs: dockerNeeds, start: startDocker, scenarios: dockerScenarios },
  {
    engine: 'docker-saved',
    needs: dockerNeeds,
    probe: criu,
    start: startExperimental,
    scenarios: dockerSavedScenarios,
    forms: bothForms,
  },
  { engine: 'docker-userns', needs: dockerNeeds, start: startRemapped, scenarios: usernsScenarios },
  { engine: 'registry', needs: registryNeeds, start: startRegistry, scenarios: registryScenarios },
  { engine: 'compose', needs: composeNeeds, start: startCompose, scenarios: composeScenarios },
  { engine: 'swarm', needs: dockerNeeds, start: startSwarm, scenarios: swarmScenarios },
  { engine: 'containerd', needs: containerdNeeds, start: startContainerd, scenarios: containerdScenarios },
  {
    engine: 'cri',
    needs: criNeeds,
    start: startCri,
    scenarios: criScenarios.map(({ play, ...rest }) => ({ ...rest, succeeds: true, script: `cri '${rest.title}'` })),
    forms: bothForms,
  },
  { engine: 'podman', needs: podmanNeeds, start: startPodman, scenarios: podmanScenarios },
  {
    engine: 'podman-saved',
    needs: podmanNeeds,
    probe: criu,
    start: startPodman,
    scenarios: podmanSavedScenarios,
    forms: bothForms,
  },
  {
    engine: 'podman-rootless',
    needs: rootlessNeeds,
    probe: { command: [...asUser, 'unshare', '-Ur', 'true'], what: 'user namespaces of users without privileges' },
    start: startRootless,
    scenarios: rootlessScenarios,
  },
  { engine: 'buildah', needs: buildahNeeds, start: startBuildah, scenarios: buildahScenarios },
]

const inPath = command => ['/usr/sbin', '/usr/bin', '/sbin', '/bin'].some(folder => existsSync(`${folder}/${command}`))

function missing({ needs, probe }) {
  if (process.geteuid() !== 0) return 'needs root'
  const packages = Object.entries({
    ...needs,
    runc: 'runc',
    busybox: 'busybox-static',
    nsenter: 'util-linux',
    python3: 'python3',
  })
    .filter(([command]) => !inPath(command))
    .map(([, name]) => name)
  if (packages.length > 0) return `needs the packages ${[...new Set(packages)].join(' ')}`
  if (probe !== undefined && spawnSync(probe.command[0], probe.command.slice(1)).status !== 0)
    return `needs ${probe.what}`
  return existsSync(runtimes.tsrun) ? false : 'needs dist: npm run build'
}

t.jobs = 1
t.setTimeout(0)
for (const { engine, needs, probe, start, scenarios, forms } of engines) {
  if (only !== undefined && only !== engine) continue
  const lacking = missing({ needs, probe })
  if (lacking !== false && process.env.MUST_RUN === '1') throw new Error(`${engine}: ${lacking}`)
  const chosen = scenarios.filter(({ title }) => word === undefined || title.includes(word))
  await t.test(engine, { skip: lacking, timeout: 0 }, t => compare(t, { engine, scenarios: chosen, start, forms }))
}
