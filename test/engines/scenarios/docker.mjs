/** What users do with Docker. Each script runs in bash, and prints what does not change from one run to the next. */
import { isolationScenarios } from './docker/isolation.mjs'
import { lifeScenarios } from './docker/life.mjs'
import { networkScenarios } from './docker/network.mjs'
import { sandboxScenarios } from './docker/sandboxes.mjs'
import { storageScenarios } from './docker/storage.mjs'

/** @type {readonly import('../compare.mjs').Scenario[]} */
export const dockerScenarios = [
  ...lifeScenarios,
  ...storageScenarios,
  ...networkScenarios,
  ...isolationScenarios,
  ...sandboxScenarios,
]
