import type { Resources } from '../../config/config.js'
import { HostError, StateError } from '../../errors.js'
import type { CgroupFacts } from '../../host/facts.js'
import { closeFd, openBeneath } from '../../sys/beneath.js'
import { isErrno } from '../../sys/errno.js'
import { readTextIfThere } from '../../sys/file.js'
import { type Placeholder, startPlaceholder } from '../../sys/placeholder.js'
import { isFrozen } from '../freeze.js'
import { availableIn } from '../make.js'
import { type Place, placesOf, visiblePath } from '../place.js'
import { compileSettings, type SettingGroup } from '../resources.js'
import { rootOf } from '../tree.js'
import type { Property } from './client.js'
import { changeScope, type Scope, startScope, stopScope, type WantedScope } from './scope.js'
import { type AnnotatedProperty, annotatedProperties, limitProperties } from './unit-properties.js'

export interface UnitInput {
  readonly scope: WantedScope
  readonly facts: CgroupFacts
  readonly annotations: Readonly<Record<string, string>>
}

/** What systemd keeps a container's processes as: where its cgroup is is systemd's to say. */
export class Unit {
  readonly scope: Scope
  readonly #wanted: (UnitInput & { readonly annotated: readonly AnnotatedProperty[] }) | null
  #placeholder: Placeholder | null = null
  #later: readonly Property[] = []

  /** @throws {ConfigError} ERR_CONFIG_INVALID for annotations that can't be read */
  constructor(input: UnitInput | { readonly scope: Scope }) {
    this.scope = { unit: input.scope.unit, manager: input.scope.manager }
    this.#wanted = 'facts' in input ? { ...input, annotated: annotatedProperties(input.annotations) } : null
  }

  /** Has systemd make the scope around a process of ours, which stays until `settle`. Returns where that is. */
  async claim(id: string, resources: Resources): Promise<Place[]> {
    if (this.#wanted === null) throw new TypeError('a recorded scope is not made again')
    const { scope, facts, annotated } = this.#wanted
    const groups = compileSettings(resources, availableIn(facts.hierarchies.map(withoutPath)))
    const limits = limitProperties(groups.filter(group => !isForLater(group)))
    const placeholder = await startPlaceholder()
    try {
      await startScope({ scope, id, pid: placeholder.pid, limits, annotated })
      this.#placeholder = placeholder
      this.#later = limitProperties(groups.filter(isForLater))
      const places = placesAround(facts, placeholder.pid)
      checkThawed(id, places)
      for (const place of places) checkEntrance(facts, place)
      return places
    } catch (error) {
      // Without it the scope is empty, and systemd removes that.
      await placeholder.end()
      throw error
    }
  }

  /** Ends our process in it: the scope stays as long as another one is there. */
  async #release(): Promise<void> {
    await this.#placeholder?.end()
  }

  /** To be called when the container's process is in. True if systemd was told of limits. */
  async settle(): Promise<boolean> {
    await this.#release()
    const later = this.#later
    this.#later = []
    await changeScope(this.scope, later)
    return later.length > 0
  }

  /** Tells systemd of the limits, before they are written by us. */
  async change(groups: readonly SettingGroup[]): Promise<void> {
    await changeScope(this.scope, limitProperties(groups))
  }

  /** Kills all that is in it, and removes it. */
  async stop(): Promise<void> {
    await this.#release()
    await stopScope(this.scope)
  }
}

/** What could stop the launch, or the runtime from having the process run where it wants. */
const isForLater = ({ controller }: SettingGroup): boolean => controller === 'pids' || controller === 'cpuset'

const withoutPath = ({ version, controllers, mountpoint }: CgroupFacts['hierarchies'][number]): Place => ({
  version,
  controllers,
  mountpoint,
  path: '',
})

/** What is started in a frozen one never begins. The words are those of runc. */
function checkThawed(id: string, places: readonly Place[]): void {
  if (isFrozen(places)) throw new StateError('ERR_STATE_EXISTS', "container's cgroup unexpectedly frozen", { id })
}

/**
 * The kernel lets a process into a cgroup only if the process that starts it may move processes between that and its own. The
 * manager of a user moves by way of that of the system, but what we start is born where it belongs.
 */
function checkEntrance(facts: CgroupFacts, { mountpoint, version, controllers, path }: Place): void {
  const own = facts.hierarchies.find(hierarchy => hierarchy.mountpoint === mountpoint)?.own ?? '/'
  const shared = commonStart(own.split('/').slice(1), path.split('/'))
  const ancestor = { mountpoint, version, controllers, path: shared.join('/') }
  try {
    closeFd(openBeneath(rootOf(ancestor), shared.concat('cgroup.procs').join('/'), 'write'))
  } catch (cause) {
    if (!isErrno(cause, 'EACCES', 'EPERM', 'EROFS')) throw cause
    const needs = `the right to start processes in ${path}`
    const remedy = 'run it below the manager of the user: systemd-run --user --scope tsrun ...'
    throw new HostError('ERR_HOST_CGROUP', { needs, found: `that it runs in ${own}`, remedy }, { cause })
  }
}

function commonStart(one: readonly string[], other: readonly string[]): string[] {
  const differs = one.findIndex((name, index) => name !== other[index])
  return one.slice(0, differs === -1 ? one.length : differs)
}

/** The cgroups that the process is in. */
function placesAround(facts: CgroupFacts, pid: number): Place[] {
  const own = /^0::(\/.+)$/m.exec(readTextIfThere(`/proc/${pid}/cgroup`) ?? '')?.[1] ?? '/'
  return facts.hierarchies.flatMap(hierarchy =>
    placesOf({ ...facts, hierarchies: [hierarchy] }, { cgroupsPath: visiblePath({ ...hierarchy, own }), id: '' }),
  )
}
