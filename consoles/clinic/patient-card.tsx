/** One patient: name, contact, and the newest value of each vital sign. */
import { ageText, durationText, instantText } from '../shared/ages.ts';
import { Icon } from '../shared/icons.tsx';
import { useNow } from '../shared/use-now.ts';
import { TestChip, Vitals } from '../shared/vital.tsx';
import { contactOf } from './contact.ts';
import { contactAt, type ShownPatient } from './patients.ts';

export function PatientCard({ patient }: { readonly patient: ShownPatient }) {
  const now = useNow();
  const heardAt = contactAt(patient);
  const contact = contactOf(heardAt, now);
  const { latest, name, id } = patient;
  return (
    <article
      class={`card patient patient-${contact}`}
      data-testid="patient-row"
      data-contact={contact}
      data-patient={id}
    >
      <header class="card-head">
        <h2>{name}</h2>
        {latest.length > 0 && latest.every(({ test }) => test) && <TestChip />}
        <p class={`contact contact-${contact}`} data-testid="contact">
          {contact === 'heard' && (
            <>
              <Icon name="pulse" />
              Heard {ageText(heardAt!, now)}
            </>
          )}
          {contact === 'lost' && (
            <>
              <Icon name="noContact" />
              <span>
                <strong>Contact lost.</strong> Nothing heard for {durationText(now - heardAt!)}, since{' '}
                {instantText(heardAt!, now)}.
              </span>
            </>
          )}
          {contact === 'never' && 'Nothing heard yet'}
        </p>
      </header>
      <Vitals readings={latest} />
    </article>
  );
}
