import * as airflow from "@pulumi/airflow";

const data = new airflow.Airflow("airflow", {
    dags: { repository: "https://github.com/acme/dags.git", branch: "main" },
    labels: { team: "data" },
});

export const url = data.url;
export const adminPassword = data.adminPassword;
