/**
 * What the kubelet does with pods. A scenario is a function of the node that it is played on; what it says is compared.
 *
 * @typedef {object} CriScenario
 * @property {string} title
 * @property {(node: ReturnType<import('../cri/pods.mjs').openNode>, say: (value: unknown) => void,
 *   refused: (promise: Promise<unknown>) => Promise<string>) => Promise<void>} play
 * @property {number} [timeout] milliseconds
 * @property {import('../compare.mjs').Scenario['needs']} [needs]
 */
import { lifeScenarios } from './cri/life.mjs'
import { nodeScenarios } from './cri/node.mjs'
import { resourceScenarios } from './cri/resources.mjs'
import { securityScenarios } from './cri/security.mjs'
import { sharingScenarios } from './cri/sharing.mjs'
import { streamingScenarios } from './cri/streaming.mjs'
import { volumeScenarios } from './cri/volumes.mjs'

/** @type {readonly CriScenario[]} */
export const criScenarios = [
  ...lifeScenarios,
  ...streamingScenarios,
  ...sharingScenarios,
  ...securityScenarios,
  ...resourceScenarios,
  ...volumeScenarios,
  ...nodeScenarios,
]
