/** The clinic's page: everybody whom the signed-in clinician may see, live. */
import type { ClinicList } from '../shared/answers.ts';
import { getJson } from '../shared/api.ts';
import { BadgeLegend } from '../shared/badges.tsx';
import { Empty, Loading, PageFrame, SignInNotice } from '../shared/page-frame.tsx';
import { useLive } from '../shared/use-live.ts';
import { ContactAnnouncer } from './contact-announcer.tsx';
import { PatientCard } from './patient-card.tsx';
import { applyMessage, type ShownPatient, sortPatients } from './patients.ts';

async function loadPatients(): Promise<readonly ShownPatient[]> {
  return (await getJson<ClinicList>('/api/clinic/patients')).patients;
}

export function ClinicPage() {
  const { data, connection, refused } = useLive({ load: loadPatients, apply: applyMessage });
  if (refused) return <SignInNotice />;
  return (
    <PageFrame title="Clinic" connection={connection}>
      <h1>Patients</h1>
      {data === undefined && <Loading />}
      {data?.length === 0 && <Empty icon="inbox">No patient has given you access.</Empty>}
      {data !== undefined && data.length > 0 && (
        <>
          <p class="lead">Only those who let you see. Each newest value, as their wearables sent it.</p>
          <div class="patients">
            {sortPatients(data).map((patient) => (
              <PatientCard key={patient.id} patient={patient} />
            ))}
          </div>
          <ContactAnnouncer patients={data} />
          <BadgeLegend />
        </>
      )}
    </PageFrame>
  );
}
