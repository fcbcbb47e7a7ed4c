/** The state directory as one container's handle sees it: what has its id now and is another container is not there. */
import { StateError } from '../errors.js'
import type { ContainerRecord } from './container-record.js'
import type { Store } from './store.js'

/** An id can be used again, and pids come again too; all three together do not. */
const isSame = (a: ContainerRecord, b: ContainerRecord): boolean =>
  a.created === b.created && a.pid === b.pid && a.startTime === b.startTime

/** Nobody can tell of a record that can't be read whose it is: that stays an error, also if somebody deletes by force. */
export function boundStore(store: Store, record: ContainerRecord): Store {
  let last = record
  const read = (id: string): ContainerRecord => {
    if (id !== record.id) return store.read(id)
    const found = store.read(id, last)
    if (!isSame(found, record)) {
      const message = `container "${id}" is gone, and another one has its id: this handle is not of that one`
      throw new StateError('ERR_STATE_NOT_FOUND', message, { id })
    }
    last = found
    return found
  }
  const write = (changed: ContainerRecord): void => {
    store.write(changed)
    if (changed.id === record.id) last = changed
  }
  return { ...store, read, write, isBound: true }
}
