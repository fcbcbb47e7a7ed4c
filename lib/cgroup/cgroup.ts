/** A container's cgroup: one directory in each hierarchy of the host, whatever their versions. */

import type { Resources } from '../config/config.js'
import { HostError } from '../errors.js'
import { openBeneath } from '../sys/beneath.js'
import { applyGroups, countOomKills } from './apply.js'
import { type CgroupRecord, shares } from './cgroup-record.js'
import { freeze, isFrozen, thaw } from './freeze.js'
import { type CgroupDirectory, directoryOf, openEntries } from './join-files.js'
import { killAll, killAllBut, pidsOf, signalEach } from './kill.js'
import { type Begun, beginCgroup, claimed, finishCgroup, type Ownership, survey } from './make.js'
import { type OomWatch, watchOom, witnessOom } from './oom.js'
import { giveTo } from './owner.js'
import type { Place } from './place.js'
import { removeAll, removeAtOnce, removeEmpty } from './remove.js'
import type { SettingGroup } from './resources.js'
import { readStats } from './stats/read-stats.js'
import type { Stats } from './stats/stats.js'
import { type CgroupUsage, readUsage, witnessUsage } from './stats/usage.js'
import { type CgroupBelow, placesBelow, placesOfProcess } from './sub-cgroups.js'
import type { Unit } from './systemd/unit.js'
import { hostPath, rootOf } from './tree.js'
import { type Change, changeLimits } from './update.js'

interface CreateInput {
  readonly resources: Resources
  readonly allowExisting?: boolean
}

export class Cgroup {
  readonly #id: string
  #places: readonly Place[]
  /** null: not looked at yet, and so not ours. */
  #ownership: Ownership | null
  #begun: Begun | null = null
  #all: readonly SettingGroup[] = []
  /** Of those, what `settle` writes. */
  #later: readonly SettingGroup[] = []
  /** null: systemd does not know of it. */
  readonly #unit: Unit | null

  /** Use `openCgroup`. */
  constructor(id: string, places: readonly Place[], ownership: Ownership | null, unit: Unit | null = null) {
    this.#id = id
    this.#places = places
    this.#ownership = ownership
    this.#unit = unit
  }

  /** True if the container has none: a user without privileges, without a delegated one, or a host without cgroups. */
  get isNone(): boolean {
    return this.#places.length === 0 && this.#unit === null
  }

  #demandOne(what: string): void {
    if (!this.isNone) return
    const needs = `a cgroup of the container, for ${what}`
    const remedy = 'create it as root, or in a delegated cgroup'
    throw new HostError('ERR_HOST_CGROUP', { needs, found: 'none', remedy })
  }

  /** True if `claim` has to come before `create`, and `toJSON` tells more after it. */
  get isUnit(): boolean {
    return this.#unit !== null
  }

  /**
   * Has systemd make the cgroup, around a process that is there until `settle`.
   * @throws {StateError} ERR_STATE_EXISTS for a unit that is there already
   * @throws {HostError} ERR_HOST_CGROUP without systemd, {CgroupError} ERR_CGROUP_WRITE for what it refuses; {ConfigError} as `create`
   */
  async claim(resources: Resources): Promise<void> {
    if (this.#unit === null) return
    this.#places = await this.#unit.claim(this.#id, resources)
    this.#ownership = { isOurs: true, places: this.#places.map(claimed) }
  }

  /**
   * Makes the cgroup and writes the limits, so that a process that joins it is limited from its first instruction on. An
   * existing one is used when it is empty (not at all if `allowExisting` is false; default true).
   *
   * @throws {ConfigError} ERR_CONFIG_UNSUPPORTED with all fields that the host's cgroups can't fulfil
   * @throws {HostError} ERR_HOST_CGROUP without cgroups, or the right to make one
   * @throws {StateError} ERR_STATE_EXISTS for a cgroup in use
   * @throws {CgroupError} ERR_CGROUP_WRITE for a value that the kernel refuses
   */
  create(input: CreateInput): void {
    this.begin(input)
    try {
      this.finish()
    } catch (error) {
      if (this.#unit === null) this.#abandon()
      throw error
    }
  }

  /**
   * The first part of `create`: what `directoryFd` is of, so that a process can be started in it while `finish` does the rest.
   * What has been made is ours from here on, and goes with `destroy`.
   */
  begin({ resources, allowExisting = true }: CreateInput): void {
    // Until it has worked, what is there is not ours: a caller that cleans up must not kill somebody else's processes.
    const isClaimed = this.#unit !== null
    if (!isClaimed) this.#ownership = null
    const wanted = { id: this.#id, places: this.#places, resources, allowExisting, isClaimed }
    this.#begun = beginCgroup(wanted)
    if (!isClaimed) this.#ownership = { isOurs: true, places: this.#begun.owned }
  }

  finish(): void {
    if (this.#begun === null) return
    const created = finishCgroup(this.#begun)
    this.#all = this.#begun.work.groups
    this.#begun = null
    this.#ownership = created
    this.#later = created.later
  }

  #abandon(): void {
    removeEmpty(this.#begun?.owned ?? [])
    this.#ownership = null
  }

  /**
   * Writes what `create` had to leave for when the container's process is in: limits of no or one process, and the cpuset. If
   * systemd was told of these it has written all that it knows, which is not all, or exactly, that was asked for.
   */
  async settle(): Promise<void> {
    const wasTold = (await this.#unit?.settle()) ?? false
    applyGroups(this.#places, wasTold ? this.#all : this.#later)
    this.#later = this.#all = []
  }

  /** On version 2, gives it to that user of the host. False if only a more privileged one could, and it stays whose it is. */
  giveTo(uid: number): boolean {
    return giveTo(this.#places, uid)
  }

  /**
   * Changes the limits of a cgroup in use; systemd is told of them too. Fields of `asked` that say nothing stay as they are, the device
   * list only with `keepsDevices`. What the kernel refuses leaves all of them as they were.
   * @throws {CgroupError} ERR_CGROUP_WRITE naming the field whose value the kernel refuses; ERR_CGROUP_OOM as `checkBeforeUpdate` wants it
   */
  async change(change: Change): Promise<void> {
    await changeLimits({ places: this.#places, unit: this.#unit, ...change })
  }

  /**
   * For each v1 hierarchy, by its index in the host's facts: a descriptor of the file that a process joins by writing "0". They
   * belong to the caller.
   */
  joinFds(): ReadonlyMap<number, number> {
    return openEntries(this.#places, 1)
  }

  /** The same for each hierarchy, whatever its version. */
  entryFds(): ReadonlyMap<number, number> {
    return openEntries(this.#places, null)
  }

  /** Where it is in each hierarchy. */
  get directories(): readonly CgroupDirectory[] {
    return this.#places.map(directoryOf)
  }

  /** The directory in the cgroup v2 hierarchy, for CLONE_INTO_CGROUP; null if there is none. It belongs to the caller. */
  directoryFd(): number | null {
    const place = this.#places.find(({ version }) => version === 2)
    return place === undefined ? null : openBeneath(rootOf(place), place.path, 'directory')
  }

  /**
   * A cgroup below this one, for a process to join; nothing of it is ours to remove.
   * @throws {ConfigError} ERR_CONFIG_INVALID for what is no path below, or none of this host's controllers
   * @throws {HostError} ERR_HOST_CGROUP if there is no such cgroup
   */
  below(path: CgroupBelow): Cgroup {
    return new Cgroup(this.#id, placesBelow(this.#places, path), null)
  }

  /** On version 2, the cgroup below this one that the process has moved to, if nobody can join this one; version 1 is left as it is. */
  whereIs(pid: number): Cgroup {
    return new Cgroup(this.#id, placesOfProcess(this.#places, pid), null)
  }

  /** The absolute path of the directory in the hierarchy of that index in the host's facts. */
  pathIn(hierarchy: number): string {
    const place = this.#places[hierarchy]
    if (place === undefined) throw new RangeError(`no cgroup hierarchy ${hierarchy}`)
    return hostPath(place)
  }

  /** The processes, and with `recursive` also those of the cgroups below; 0 stands for one that our pid namespace does not show. */
  pids({ recursive }: { recursive: boolean }): number[] {
    this.#demandOne('the list of its processes')
    const place = this.#places.find(({ version }) => version === 2) ?? this.#places[0]
    return place === undefined ? [] : pidsOf(place, { recursive })
  }

  /** Kills all processes but `kept`, also those of the cgroups below, and resolves when they are gone (5 seconds at most). */
  async kill({ kept = 0 } = {}): Promise<void> {
    if (this.#ownership?.isOurs !== true) return
    await (kept === 0 ? killAll(this.#places) : killAllBut(this.#places, kept))
  }

  /** Sends a signal to all processes but `kept`, also those of the cgroups below; without effect if none is left. */
  async signal(number: number, { kept = 0 } = {}): Promise<void> {
    this.#demandOne('a signal to all of its processes')
    if (this.#ownership?.isOurs === true) await signalEach(this.#places, { signal: number, kept })
  }

  /** Resolves when all processes have stopped (5 seconds at most). */
  async freeze(): Promise<void> {
    this.#demandOne('pause')
    await freeze(this.#places)
  }

  async thaw(): Promise<void> {
    thaw(this.#places)
  }

  frozen(): boolean {
    return isFrozen(this.#places)
  }

  /** Version 1 delivers no signal, not even SIGKILL, before the process goes on. */
  async letDie(): Promise<void> {
    if (this.frozen()) await this.thaw()
  }

  /** All that the cgroup counts. */
  stats(): Stats {
    this.#demandOne('statistics')
    return readStats(this.#places)
  }

  /** What its processes have used; nothing is known where it has none, or is gone. */
  usage(): CgroupUsage {
    return readUsage(this.#places)
  }

  /** The same of a unit, when the process of `pidfd` ends; null for all others, which stay. */
  async usageAtEnd(pidfd: number): Promise<CgroupUsage | null> {
    return this.#unit === null ? null : witnessUsage(this.#places, pidfd)
  }

  /** null: the host does not account for memory, or the cgroup is gone. */
  watchOom(): OomWatch | null {
    return watchOom(this.#places)
  }

  /** How many processes the OOM killer has killed; 0 if the cgroup is gone. */
  oomKills(): number {
    return countOomKills(this.#places)
  }

  /** Whether it has killed, of a unit, when the process of `pidfd` ends: systemd removes a unit with its last process. False for all others. */
  async oomKilledAtEnd(pidfd: number): Promise<boolean> {
    return this.#unit !== null && witnessOom(this.#places, pidfd)
  }

  /**
   * Removes what create made, with the cgroups below, and waits up to 5 seconds for dying processes. Fine when it is gone.
   * @throws {CgroupError} ERR_CGROUP_WRITE, EBUSY: a process is still there
   */
  async remove(): Promise<void> {
    if (this.#ownership?.isOurs !== true) return
    await this.#unit?.stop()
    await removeAll(this.#ownership.places)
  }

  /**
   * `kill` and `remove`, without looking for processes if the kernel says that there are none. Nothing more is done if the cgroup is in
   * use and `isShared` says that somebody else's processes may be in it. Default: they are all ours.
   */
  async destroy({ isShared = () => false }: { isShared?: () => boolean } = {}): Promise<void> {
    if (this.#unit !== null) return isShared() ? undefined : this.remove()
    if (this.#ownership?.isOurs !== true || removeAtOnce(this.#ownership.places) || isShared()) return
    await this.kill()
    await this.remove()
  }

  /** Whether a cgroup of the other one (as `toJSON` gave it) is one of these, or below one. False for what can't be read. */
  sharesWith(recorded: unknown): boolean {
    return shares({ places: this.#places, scope: this.#unit?.scope ?? null }, recorded)
  }

  /**
   * Plain data for `openCgroup`. Before `create` it tells what would be ours, so that it can be kept on disk before
   * anything is made and is enough to undo a create that was cut off.
   */
  toJSON(): CgroupRecord {
    this.#ownership ??= survey(this.#places)
    const { isOurs, places } = this.#ownership
    return { id: this.#id, isOurs, places, scope: this.#unit?.scope ?? null }
  }
}
