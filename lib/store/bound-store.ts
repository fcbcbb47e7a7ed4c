/** The state directory as one container's handle sees it: what has its id now and is another container is not there. */
import { StateError } from '../errors.js'
import type { ContainerRecord } from './container-record.js'
import type { Store } from './store.js'

/** An id can be used again, and pids come again too; all three together do not. */
const isSame = (a: ContainerRecord, b: ContainerRecord): boolean =>
  a.created === b.created && a.pid === b.pid && a.startTime === b.startTime

/** Nobody can tell of a record that can't be read whose it is: that stays an error, also if somebody deletes by force. */
export function boundStore(store: Store, record: ContainerRecord): Store {
  const read = (id: string): ContainerRecord => {
    const found = store.read(id)
    if (id !== record.id || isSame(found, record)) return found
    const message = `container "${id}" is gone, and another one has its id: this handle is not of that one`
    throw new StateError('ERR_STATE_NOT_FOUND', message, { id })
  }
  return { ...store, read, isBound: true }
}
