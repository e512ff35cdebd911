//! Calls a worker manager with the crate `taskcluster`. Reads one JSON object a line, answers one a line.
//!
//! In: {options, kind: sync | signed, method, args}. Out: {value} or {status, code, failure}.
//! With {credentials: {...}} in place of a method: temporary credentials, as its own function makes them.

use anyhow::{anyhow, Result};
use serde_json::{json, Value};
use std::io::BufRead;
use std::time::Duration;
use taskcluster::{err_status_code, ClientBuilder, Credentials, Retry, WorkerManager};

const TTL: Duration = Duration::from_secs(3600);

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn credentials_of(value: &Value) -> Credentials {
    let (id, token) = (text(&value["clientId"]), text(&value["accessToken"]));
    match value["certificate"].as_str() {
        None => Credentials::new(id, token),
        Some(certificate) => Credentials::new_with_certificate(id, token, certificate),
    }
}

fn texts(value: &Value) -> Vec<String> {
    let all = value.as_array().cloned().unwrap_or_default();
    all.iter().map(|each| text(each).to_owned()).collect()
}

fn temporary(wanted: &Value) -> Result<Value> {
    let issuer = credentials_of(wanted);
    let scopes = texts(&wanted["scopes"]);
    let made = match wanted["name"].as_str() {
        Some(name) => issuer.create_named_temp_creds(name, TTL, scopes.iter())?,
        None => issuer.create_temp_creds(TTL, scopes.iter())?,
    };
    Ok(json!({
        "clientId": made.client_id,
        "accessToken": made.access_token,
        "certificate": made.certificate,
    }))
}

fn client_of(options: &Value) -> Result<WorkerManager> {
    let builder = ClientBuilder::new(text(&options["rootUrl"]))
        .credentials(credentials_of(&options["credentials"]))
        .retry(Retry { retries: 0, ..Retry::default() });
    match options["authorizedScopes"].as_array() {
        None => WorkerManager::new(builder),
        Some(_) => WorkerManager::new(builder.authorized_scopes(texts(&options["authorizedScopes"]))),
    }
}

async fn call(request: &Value) -> Result<Value> {
    let api = client_of(&request["options"])?;
    let args = &request["args"];
    let at = |index: usize| text(&args[index]);
    let done = |(): ()| Value::Null;
    match text(&request["method"]) {
        "ping" => api.ping().await.map(done),
        "lbheartbeat" => api.lbheartbeat().await.map(done),
        "version" => api.version().await.map(done),
        "heartbeat" => api.heartbeat().await.map(done),
        "listProviders" => api.listProviders(None, None).await,
        "createWorkerPool" => api.createWorkerPool(at(0), &args[1]).await,
        "workerPool" => api.workerPool(at(0)).await,
        "updateWorkerPool" => api.updateWorkerPool(at(0), &args[1]).await,
        "deleteWorkerPool" => api.deleteWorkerPool(at(0)).await,
        "listWorkerPools" => api.listWorkerPools(None, None).await,
        "listWorkerPoolsStats" => api.listWorkerPoolsStats(None, None).await,
        "workerPoolStats" => api.workerPoolStats(at(0)).await,
        "listWorkerPoolLaunchConfigs" => api.listWorkerPoolLaunchConfigs(at(0), None, None, None).await,
        "createWorker" => api.createWorker(at(0), at(1), at(2), &args[3]).await,
        "worker" => api.worker(at(0), at(1), at(2)).await,
        "updateWorker" => api.updateWorker(at(0), at(1), at(2), &args[3]).await,
        "removeWorker" => api.removeWorker(at(0), at(1), at(2)).await.map(done),
        "listWorkersForWorkerPool" => api.listWorkersForWorkerPool(at(0), None, None, None, None).await,
        "listWorkersForWorkerGroup" => api.listWorkersForWorkerGroup(at(0), at(1), None, None).await,
        "registerWorker" => api.registerWorker(&args[0]).await,
        "reregisterWorker" => api.reregisterWorker(&args[0]).await,
        "reportWorkerError" => api.reportWorkerError(at(0), &args[1]).await,
        "listWorkerPoolErrors" => api.listWorkerPoolErrors(at(0), None, None, None, None).await,
        "workerPoolErrorStats" => api.workerPoolErrorStats(None).await,
        "listWorkers" => api.listWorkers(at(0), at(1), None, None, None, None, None).await,
        "getWorker" => api.getWorker(at(0), at(1), at(2), at(3)).await,
        other => Err(anyhow!("this program has no call {other}")),
    }
}

fn signed(request: &Value) -> Result<Value> {
    let api = client_of(&request["options"])?;
    let args = &request["args"];
    let at = |index: usize| text(&args[index]);
    let url = match text(&request["method"]) {
        "ping" => api.ping_signed_url(TTL),
        "lbheartbeat" => api.lbheartbeat_signed_url(TTL),
        "version" => api.version_signed_url(TTL),
        "heartbeat" => api.heartbeat_signed_url(TTL),
        "listProviders" => api.listProviders_signed_url(None, None, TTL),
        "workerPool" => api.workerPool_signed_url(at(0), TTL),
        "listWorkerPools" => api.listWorkerPools_signed_url(None, None, TTL),
        "listWorkerPoolsStats" => api.listWorkerPoolsStats_signed_url(None, None, TTL),
        "workerPoolStats" => api.workerPoolStats_signed_url(at(0), TTL),
        "listWorkerPoolLaunchConfigs" => api.listWorkerPoolLaunchConfigs_signed_url(at(0), None, None, None, TTL),
        "worker" => api.worker_signed_url(at(0), at(1), at(2), TTL),
        "listWorkersForWorkerPool" => api.listWorkersForWorkerPool_signed_url(at(0), None, None, None, None, TTL),
        "listWorkersForWorkerGroup" => api.listWorkersForWorkerGroup_signed_url(at(0), at(1), None, None, TTL),
        "listWorkerPoolErrors" => api.listWorkerPoolErrors_signed_url(at(0), None, None, None, None, TTL),
        "workerPoolErrorStats" => api.workerPoolErrorStats_signed_url(None, TTL),
        "listWorkers" => api.listWorkers_signed_url(at(0), at(1), None, None, None, None, None, TTL),
        "getWorker" => api.getWorker_signed_url(at(0), at(1), at(2), at(3), TTL),
        other => Err(anyhow!("this program signs no URL of {other}")),
    };
    url.map(Value::String)
}

/// The crate gives the text of an error and not its code, which the end of the text repeats.
fn code_in(failure: &str) -> Option<&str> {
    let (_, after) = failure.split_once("* errorCode:")?;
    after.split_whitespace().next()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    for line in std::io::stdin().lock().lines() {
        let request: Value = serde_json::from_str(&line?)?;
        let outcome = match request["kind"].as_str() {
            None => temporary(&request["credentials"]),
            Some("signed") => signed(&request),
            Some(_) => call(&request).await,
        };
        let answer = match outcome {
            Ok(value) => json!({ "value": value }),
            Err(error) => {
                let failure = format!("{error:#}");
                json!({
                    "status": err_status_code(&error).map(|status| status.as_u16()),
                    "code": code_in(&failure),
                    "failure": failure,
                })
            }
        };
        println!("{answer}");
    }
    Ok(())
}
