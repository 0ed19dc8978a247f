/**
 * Wearables and gateways as FHIR R4 Devices, with the identifiers and codes of the HL7 PHD guide. The guide's Device
 * profiles are not claimed: they demand a system id and a specialization, which a Bluetooth wearable need not tell.
 */
import type { DeviceLeaf } from '../../protocol/leaf.ts';
import {
  AGENT_SYSTEM,
  type CodeableConcept,
  DEVICE_SYSTEM,
  type Identifier,
  MDC_SYSTEM,
  metaOf,
  type Reference,
  type Resource,
  unlessEmpty,
} from './elements.ts';

export interface Device extends Resource {
  readonly resourceType: 'Device';
  readonly id: string;
  readonly identifier: readonly Identifier[];
  readonly manufacturer?: string;
  readonly serialNumber?: string;
  readonly deviceName?: readonly { readonly name: string; readonly type: 'user-friendly-name' }[];
  readonly modelNumber?: string;
  readonly type: CodeableConcept;
  readonly version?: readonly { readonly type: CodeableConcept; readonly value: string }[];
  readonly property?: readonly { readonly type: CodeableConcept; readonly valueCode: readonly CodeableConcept[] }[];
  readonly patient?: Reference;
}

/** The wearable of a device leaf. `deviceId`: `deviceIdOf` its handle. */
export function toDevice(leaf: DeviceLeaf, deviceId: string, patientId: string): Device {
  return {
    resourceType: 'Device',
    id: deviceId,
    ...metaOf({ test: leaf.test }),
    identifier: [{ system: DEVICE_SYSTEM, value: deviceId }, ...addressOf(leaf)],
    ...text('manufacturer', leaf.manufacturer),
    ...text('serialNumber', leaf.serial),
    ...unlessEmpty('deviceName', leaf.name ? [{ name: leaf.name, type: 'user-friendly-name' as const }] : []),
    ...text('modelNumber', leaf.model),
    type: mdc('65573', 'MDC_MOC_VMS_MDS_SIMP'), // HL7 PHD PhdDevice.type
    ...unlessEmpty(
      'version',
      leaf.firmware ? [{ type: mdc('531976', 'MDC_ID_PROD_SPEC_FW'), value: leaf.firmware }] : [],
    ),
    property: [{ type: { text: 'Link security' }, valueCode: [{ text: leaf.link }] }],
    patient: { reference: `Patient/${patientId}` },
  };
}

/** A wearable of which only readings are known so far. */
export function toUndescribedDevice(deviceId: string, patientId: string, test: boolean): Device {
  return {
    resourceType: 'Device',
    id: deviceId,
    ...metaOf({ test }),
    identifier: [{ system: DEVICE_SYSTEM, value: deviceId }],
    type: mdc('65573', 'MDC_MOC_VMS_MDS_SIMP'),
    patient: { reference: `Patient/${patientId}` },
  };
}

/** The gateway: `agentId` is also its Device.id. */
export function toGateway(agentId: string): Device {
  return {
    resourceType: 'Device',
    id: agentId,
    identifier: [{ system: AGENT_SYSTEM, value: agentId }],
    type: mdc('531981', 'MDC_MOC_VMS_MDS_AHD'), // HL7 PHD PhgDevice.type
  };
}

/** HL7 PHD BTMAC: an EUI-48 with dashes. A random address is no EUI-48 and may change, so it names nothing. */
function addressOf({ address, addressType }: DeviceLeaf): Identifier[] {
  if (addressType !== 'public' || !/^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/i.test(address)) return [];
  const system = 'http://hl7.org/fhir/uv/phd/CodeSystem/ContinuaDeviceIdentifiers';
  const type = { coding: [{ system, code: 'BTMAC', display: 'Bluetooth MAC address' }] };
  return [
    { type, system: 'http://hl7.org/fhir/sid/eui-48/bluetooth', value: address.toUpperCase().replaceAll(':', '-') },
  ];
}

function mdc(code: string, display: string): CodeableConcept {
  return { coding: [{ system: MDC_SYSTEM, code, display }] };
}

/** FHIR strings are not empty. */
function text<K extends string>(name: K, value: string | undefined): { [P in K]?: string } {
  return value?.trim() ? ({ [name]: value } as { [P in K]: string }) : {};
}
