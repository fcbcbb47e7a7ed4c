/**
 * Valid configurations, mutated, through all that is done with a configuration before anything is made: whatever is in a
 * document, it is accepted or refused with a typed error, and at once.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { compile, compileHook } from '../../lib/compile/index.js'
import type { Config } from '../../lib/config/config.js'
import type { OciConfig } from '../../lib/config/oci-config.js'
import { readConfig } from '../../lib/config/read.js'
import { ConfigError, HostError } from '../../lib/errors.js'
import { encodePlan } from '../../lib/plan/encode.js'
import { verifyPlan } from '../../lib/plan/verify.js'
import { CASE_NAMES, OPTIONS, readFacts } from '../compile/cases.js'
import { mutate, pick, type Random, randomFrom, readTree, type Tree, writeTree } from './mutate.js'

const GOOD = new URL('../../spec-fixtures/config/good/', import.meta.url)
const LONGEST_MS = 1000

export type Answer = 'accepted' | 'invalid' | 'unsupported' | 'host'

export interface Fault {
  readonly document: string
  /** The seed that makes this document the first of a run. */
  readonly seed: number
  readonly why: string
}

export interface Findings {
  readonly answers: Readonly<Record<Answer, number>>
  readonly faults: readonly Fault[]
  readonly slowest: number
}

/** The valid configurations under spec-fixtures. */
export function goodDocuments(): Tree[] {
  const names = readdirSync(GOOD).filter(name => name.endsWith('.json') && !name.endsWith('.warnings.json'))
  return names.sort().map(name => readTree(readFileSync(new URL(name, GOOD), 'utf8')))
}

/** A document with one to four mutations. */
export function mutated({ good, random }: { good: readonly Tree[]; random: Random }): string {
  const tree = structuredClone(pick(good, random))
  if (tree === undefined) throw new Error('there are no documents to mutate')
  for (let left = 1 + random(4); left > 0; left -= 1) mutate({ tree, others: good, random })
  return writeTree(tree)
}

/** Mutates and tries `count` documents; each has a seed of its own, so that one can be made again without the others. */
export function fuzz({ count, seed }: { count: number; seed: number }): Findings {
  const good = goodDocuments()
  const facts = CASE_NAMES.map(readFacts)
  const answers = { accepted: 0, invalid: 0, unsupported: 0, host: 0 }
  const faults: Fault[] = []
  let slowest = 0
  for (let number = 0; number < count; number += 1) {
    const own = seed + number
    const random = randomFrom(own)
    const document = mutated({ good, random })
    const started = process.cpuUsage()
    try {
      answers[answerTo({ document, facts: pick(facts, random) })] += 1
    } catch (error) {
      faults.push({ document, seed: own, why: error instanceof Error ? (error.stack ?? error.message) : String(error) })
    }
    const { user, system } = process.cpuUsage(started)
    const took = (user + system) / 1000
    slowest = Math.max(slowest, took)
    if (took > LONGEST_MS) faults.push({ document, seed: own, why: `took ${Math.round(took)} ms` })
  }
  return { answers, faults, slowest }
}

type Facts = ReturnType<typeof readFacts>

/** What comes of a document; any other error than those for users passes through. */
function answerTo({ document, facts }: { document: string; facts: Facts | undefined }): Answer {
  try {
    readAsObject(document)
    const { config } = readConfig(document)
    if (facts !== undefined) compileAll(config, facts)
    return 'accepted'
  } catch (error) {
    if (error instanceof HostError) return 'host'
    if (!(error instanceof ConfigError)) throw error
    demandIssues(error)
    return error.code === 'ERR_CONFIG_INVALID' ? 'invalid' : 'unsupported'
  }
}

/** The same as an object, which a program may have from anywhere; what is no JSON has no object. */
function readAsObject(document: string): void {
  const object = parsed(document)
  if (typeof object !== 'object' || object === null) return
  try {
    readConfig(object as OciConfig)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    demandIssues(error)
  }
}

function parsed(document: string): unknown {
  try {
    return JSON.parse(document)
  } catch {
    return null
  }
}

/** An error that does not say what is wrong, or where, is no answer. */
function demandIssues({ issues }: ConfigError): void {
  const isPointer = (path: string) => path === '' || path.startsWith('/')
  if (issues.length === 0 || issues.some(({ path, message }) => !isPointer(path) || message === ''))
    throw new Error(`issues that say nothing: ${JSON.stringify(issues)}`)
}

/** The plans of the container and of the hooks that run in it, as they would be sent to the helper. */
function compileAll(config: Config, facts: Facts): void {
  const input = { config, facts, options: OPTIONS }
  const inside = (['createContainer', 'startContainer'] as const).flatMap(kind =>
    config.hooks[kind].map(hook => compileHook({ ...input, kind, hook })),
  )
  const { plan } = compile(input)
  for (const each of [plan, ...inside]) {
    verifyPlan(each)
    encodePlan(each)
  }
}
