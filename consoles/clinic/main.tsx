/** Starts the clinic's page. */
import { render } from 'preact';
import { ClinicPage } from './clinic-page.tsx';

render(<ClinicPage />, document.getElementById('page')!);
