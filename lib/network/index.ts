/** `tsrun/network`: what a container may reach, and who may reach it. */

export type { Traffic } from '../sys/relay.js'
export { NetworkAttachment } from './attachment.js'
export { CniAttachment, type CniAttachOptions, CniNetwork, type CniPort, openCni, removeCni } from './cni.js'
export type { CniOptions } from './cni-configuration.js'
export { type CniAddress, type CniDns, type CniResult, resolverText } from './cni-result.js'
export type { AskedConnection, Connection, Counts, OnConnect } from './connections.js'
export type { Denial } from './denials.js'
export { type AttachOptions, createGateway, Gateway, type GatewayOptions } from './gateway.js'
export type { Lookup } from './outside.js'
export type { AllowEntry, DenyEntry, PolicyLists } from './policy.js'
export type { Published, PublishOptions } from './publish.js'
