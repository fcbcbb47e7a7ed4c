import type { DeviceRule, Resources } from '../../lib/config/config.js'

/** A configuration that asks for nothing. */
const NOTHING: Resources = {
  unified: [],
  devices: [],
  pids: { limit: null },
  cpu: {
    shares: null,
    quota: null,
    burst: null,
    period: null,
    realtimeRuntime: null,
    realtimePeriod: null,
    cpus: null,
    mems: null,
    idle: null,
  },
  memory: {
    limit: null,
    reservation: null,
    swap: null,
    swappiness: null,
    disableOOMKiller: null,
    useHierarchy: null,
    checkBeforeUpdate: false,
  },
  blockIO: {
    weight: null,
    leafWeight: null,
    weightDevice: [],
    throttleReadBpsDevice: [],
    throttleWriteBpsDevice: [],
    throttleReadIOPSDevice: [],
    throttleWriteIOPSDevice: [],
  },
  hugepageLimits: [],
  network: { classID: null, priorities: [] },
  rdma: [],
}

type Asked = { readonly [K in keyof Resources]?: Partial<Resources[K]> }

/** Resources with these fields; all others ask for nothing. */
export function resources(asked: Asked = {}): Resources {
  const fields = Object.entries(asked).map(([key, value]) => [
    key,
    Array.isArray(value) ? value : { ...NOTHING[key as keyof Resources], ...value },
  ])
  return { ...NOTHING, ...Object.fromEntries(fields) }
}

/** `allow c 1:3 rwm`, `deny a *:* rwm`. */
export function rule(text: string, index = 0): DeviceRule {
  const [verb, type, numbers = '*:*', access = 'rwm'] = text.split(' ')
  const [major, minor] = numbers.split(':').map(number => (number === '*' ? null : Number(number)))
  return {
    allow: verb === 'allow',
    type: type as DeviceRule['type'],
    major: major ?? null,
    minor: minor ?? null,
    access,
    origin: `/linux/resources/devices/${index}`,
  }
}

export const rules = (...texts: readonly string[]): DeviceRule[] => texts.map(rule)
