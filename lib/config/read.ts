import type { Config, Process, Resources } from './config.js'
import { configRules, configShape, normaliseConfig, rootlessShape } from './document.js'
import { checkRules } from './issues.js'
import type { OciConfig, OciProcess, OciResources } from './oci-config.js'
import { normaliseProcess, processRules, processShape } from './process.js'
import { readDocument, type Source } from './read-document.js'
import { normaliseResources, resourceRules, resourcesShape } from './resources.js'
import type { UnknownMember } from './shape.js'

/** Sentences, each with the JSON pointer of its field in front. */
type Warnings = readonly string[]
/** Properties that were ignored; for `refuseUnknown`. */
type Unknown = readonly UnknownMember[]

/**
 * Reads the configuration of a container: its JSON text, the bytes of that, or the same as an object (which is copied).
 * Unknown properties are ignored with a warning. Nothing is read from the machine, and nothing changed.
 * `file` is where a text is from, for messages. With `rootfs`, the configuration may leave out its `root`, and `root.path` of the result is `rootfs` in any case.
 *
 * Specification: config.md, config-linux.md.
 * @throws ConfigError ERR_CONFIG_INVALID with every issue; ERR_CONFIG_UNSUPPORTED with every part that is valid but not
 *   supported by this release, if nothing is invalid
 */
export function readConfig(
  source: Source<OciConfig>,
  { rootfs, file = '' }: { rootfs?: string; file?: string } = {},
): { config: Config; warnings: Warnings; unknown: Unknown } {
  const { value, warnings, warn, unknown } = readDocument<OciConfig>({
    source,
    base: '',
    file,
    shape: rootfs === undefined ? configShape : rootlessShape,
    check: (config, issues) => checkRules(configRules, config, issues),
  })
  const config = normaliseConfig(value, warn)
  const read = rootfs === undefined ? config : { ...config, root: { ...config.root, path: rootfs } }
  return { config: read, warnings, unknown }
}

/**
 * Reads a process alone, as `exec` takes it. Pointers in issues are those that it has in a configuration: /process/...
 * @throws ConfigError as `readConfig`
 */
export function readProcess(source: Source<OciProcess>): { process: Process; warnings: Warnings; unknown: Unknown } {
  const base = '/process'
  const { value, warnings, warn, unknown } = readDocument<OciProcess>({
    source,
    base,
    shape: processShape,
    check: (process, issues) => checkRules(processRules, { ociVersion: '', process }, issues),
  })
  return { process: normaliseProcess(value, base, warn), warnings, unknown }
}

/**
 * Reads resources alone, as `update` takes them. Pointers in issues are those that they have in a configuration.
 * `memoryLimit` is the one in force: it stands for that of a document that has a swap limit only, which includes it.
 * @throws ConfigError as `readConfig`
 */
export function readResources(
  source: Source<OciResources>,
  { memoryLimit = null }: { memoryLimit?: bigint | null } = {},
): { resources: Resources; warnings: Warnings; unknown: Unknown } {
  const base = '/linux/resources'
  const { value, warnings, warn, unknown } = readDocument<OciResources>({
    source,
    base,
    shape: resourcesShape,
    check: (resources, issues) =>
      checkRules(
        resourceRules,
        { ociVersion: '', linux: { resources: withMemoryLimit(resources, memoryLimit) } },
        issues,
      ),
  })
  return { resources: normaliseResources(withMemoryLimit(value, memoryLimit), base, warn), warnings, unknown }
}

function withMemoryLimit(resources: OciResources, limit: bigint | null): OciResources {
  const { memory } = resources
  if (limit === null || memory?.swap === undefined || Number(memory.limit ?? 0) !== 0) return resources
  return { ...resources, memory: { ...memory, limit } }
}
