"""What Airflow's servers load beside the DAGs: the folder of its setting `plugins_folder`."""
