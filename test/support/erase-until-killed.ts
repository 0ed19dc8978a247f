/**
 * Opens the world of a data directory, erases the patient of a key file, and kills itself, as a power cut would, at a step
 * of the erasure. Arguments: data directory, key file, step.
 */
import { readPatientKey } from '../../simulators/keyring.ts';
import { createPatientClient } from '../../simulators/patient-client.ts';
import { openWorld } from '../../simulators/world.ts';

const [directory, keyFile, step] = process.argv.slice(2);
const world = await openWorld({
  directory: directory!,
  httpPort: 0,
  mqttPort: 0,
  checkpointMs: 20,
  onErasingStep: (reached) => {
    if (reached === step) process.kill(process.pid, 'SIGKILL');
  },
});
await createPatientClient(world.service.url, readPatientKey(keyFile!), Date.now).erase();
await new Promise((resolve) => setTimeout(resolve, 20_000));
