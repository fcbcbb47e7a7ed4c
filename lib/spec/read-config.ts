import { ConfigError, type ConfigIssue } from '../errors.js'
import type { Config, Process, Resources } from './config.js'
import { copyValue } from './copy.js'
import type { JsonValue } from './json.js'
import type { OciConfig, OciProcess, OciResources } from './oci-config.js'
import { parseJson } from './parse.js'
import { configRules, configShape, normaliseConfig } from './read/document.js'
import { normaliseProcess, processRules, processShape } from './read/process.js'
import { normaliseResources, resourceRules, resourcesShape } from './read/resources.js'
import { checkRules, type Warn } from './rule.js'
import { type Shape, shapeIssues, unknownMembers } from './shape.js'
import { unsupportedIssues } from './unsupported.js'

/** Sentences, each with the JSON pointer of its field in front. */
type Warnings = readonly string[]

/**
 * Reads the configuration of a container: its JSON text, or the same as an object (which is copied first).
 * Unknown properties are ignored with a warning. Nothing is read from the machine, and nothing changed.
 *
 * Specification: config.md, config-linux.md.
 * @throws ConfigError ERR_CONFIG_INVALID with every issue; ERR_CONFIG_UNSUPPORTED with every part that is valid but not
 *   supported by this release, where nothing is invalid
 */
export function readConfig(source: string | OciConfig): { config: Config; warnings: Warnings } {
  const { value, warnings, warn } = read<OciConfig>({
    source,
    base: '',
    shape: configShape,
    check: (config, issues) => checkRules(configRules, config, issues),
  })
  return { config: normaliseConfig(value, warn), warnings }
}

/**
 * Reads a process alone, as `exec` takes it. Pointers in issues are those that it has in a configuration: /process/...
 * @throws ConfigError as `readConfig`
 */
export function readProcess(source: string | OciProcess): { process: Process; warnings: Warnings } {
  const base = '/process'
  const { value, warnings, warn } = read<OciProcess>({
    source,
    base,
    shape: processShape,
    check: (process, issues) => checkRules(processRules, { ociVersion: '', process }, issues),
  })
  return { process: normaliseProcess(value, base, warn), warnings }
}

/**
 * Reads resources alone, as `update` takes them. Pointers in issues are those that they have in a configuration.
 * @throws ConfigError as `readConfig`
 */
export function readResources(source: string | OciResources): { resources: Resources; warnings: Warnings } {
  const base = '/linux/resources'
  const { value, warnings, warn } = read<OciResources>({
    source,
    base,
    shape: resourcesShape,
    check: (resources, issues) => checkRules(resourceRules, { ociVersion: '', linux: { resources } }, issues),
  })
  return { resources: normaliseResources(value, base, warn), warnings }
}

interface Reading<T> {
  readonly source: string | T
  /** JSON pointer that the document stands at in a configuration. */
  readonly base: string
  readonly shape: Shape
  readonly check: (value: T, issues: readonly ConfigIssue[]) => ConfigIssue[]
}

function read<T>({ source, base, shape, check }: Reading<T>): { value: T; warnings: string[]; warn: Warn } {
  const document = load(source)
  const wrong = shapeIssues(shape, document, base)
  const value = document as T
  const issues = wrong.some(({ path }) => path === base) ? wrong : [...wrong, ...check(value, wrong)]
  if (issues.length > 0) throw new ConfigError('ERR_CONFIG_INVALID', issues)
  const gaps = unsupportedIssues(document, base)
  if (gaps.length > 0) throw new ConfigError('ERR_CONFIG_UNSUPPORTED', gaps)
  const warnings: string[] = []
  const warn: Warn = (path, message) => warnings.push(`${path}: ${message}`)
  for (const path of unknownMembers(shape, document, base)) warn(path, 'unknown property, ignored')
  return { value, warnings, warn }
}

function load(source: unknown): JsonValue {
  if (typeof source === 'string') return parseJson(source)
  const issues: ConfigIssue[] = []
  const document = copyValue(source, issues)
  if (issues.length > 0) throw new ConfigError('ERR_CONFIG_INVALID', issues)
  return document
}
