/** What sandboxes use and how their commands end, for whoever collects it: the part of OpenTelemetry's API that is used, so that nothing depends on it. */
import type { Denial } from '../network/index.js'
import type { CommandResult } from './command-result.js'

interface InstrumentOptions {
  readonly unit: string
  readonly description: string
}

type Attributes = Record<string, string>

/** As `metrics.getMeter(...)` of `@opentelemetry/api` returns it. */
export interface SandboxMeter {
  createHistogram(name: string, options: InstrumentOptions): { record(value: number, attributes?: Attributes): unknown }
  createCounter(name: string, options: InstrumentOptions): { add(value: number, attributes?: Attributes): unknown }
  createUpDownCounter(name: string, options: InstrumentOptions): { add(value: number): unknown }
}

/** What one sandbox tells. */
export interface SandboxMetrics {
  /** A command has been run to its end. */
  ran(result: CommandResult): void
  /** Counts what it has been refused by now, and has not been counted. */
  refused(): void
  /** It is another container from now on. */
  reset(): void
  ended(): void
}

const NOBODY: SandboxMetrics = { ran: () => {}, refused: () => {}, reset: () => {}, ended: () => {} }

/** Of a sandbox that is there from now on. Nothing is counted without a meter. `denialsOf`: what its container has been refused. */
export function beginMetrics(meter: SandboxMeter | undefined, denialsOf: () => readonly Denial[]): SandboxMetrics {
  if (meter === undefined) return NOBODY
  const { live, commands, duration, cpuTime, peakMemory, denials } = instrumentsOf(meter)
  const told = new Map<Denial['reason'], number>()
  let isLive = true
  live.add(1)
  return {
    ran: ({ verdict, usage }) => {
      const attributes = { 'tsrun.verdict': verdict }
      commands.add(1, attributes)
      if (usage.wallMs !== null) duration.record(usage.wallMs / 1000, attributes)
      if (usage.cpuMs !== null) cpuTime.record(usage.cpuMs / 1000, attributes)
      if (usage.peakMemory !== null) peakMemory.record(usage.peakMemory, attributes)
    },
    refused: () => {
      for (const [reason, count] of countsOf(denialsOf())) {
        const more = count - (told.get(reason) ?? 0)
        if (more > 0) denials.add(more, { 'tsrun.reason': reason })
        told.set(reason, count)
      }
    },
    reset: () => told.clear(),
    ended: () => {
      if (isLive) live.add(-1)
      isLive = false
    },
  }
}

function countsOf(list: readonly Denial[]): Map<Denial['reason'], number> {
  const counts = new Map<Denial['reason'], number>()
  for (const { reason, count } of list) counts.set(reason, (counts.get(reason) ?? 0) + count)
  return counts
}

type Instruments = ReturnType<typeof makeInstruments>

/** A meter warns of the second instrument of a name. */
const known = new WeakMap<SandboxMeter, Instruments>()

function instrumentsOf(meter: SandboxMeter): Instruments {
  const found = known.get(meter) ?? makeInstruments(meter)
  known.set(meter, found)
  return found
}

function makeInstruments(meter: SandboxMeter) {
  const histogram = (name: string, unit: string, description: string) =>
    meter.createHistogram(`tsrun.sandbox.${name}`, { unit, description })
  const counter = (name: string, unit: string, description: string) =>
    meter.createCounter(`tsrun.sandbox.${name}`, { unit, description })
  return {
    live: meter.createUpDownCounter('tsrun.sandbox.live', {
      unit: '{sandbox}',
      description: 'sandboxes that are there',
    }),
    commands: counter('commands', '{command}', 'commands that were run to their end'),
    duration: histogram('command.duration', 's', 'how long commands have taken'),
    cpuTime: histogram('command.cpu_time', 's', 'processor time of commands'),
    peakMemory: histogram(
      'command.peak_memory',
      'By',
      'the most that all of a sandbox has held when a command has ended',
    ),
    denials: counter('denials', '{connection}', 'what gateways have refused'),
  }
}
