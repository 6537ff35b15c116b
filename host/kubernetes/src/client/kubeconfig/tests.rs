use super::*;
use crate::client::explain;
use crate::client::testing::{Response, Server};
use crate::client::{ApiSettings, api_client, check_kubeconfig};

const CA: &[u8] = include_bytes!("../../../tests/data/tls/ca.pem");
const CERTIFICATE: &[u8] = include_bytes!("../../../tests/data/tls/server.pem");
const KEY: &[u8] = include_bytes!("../../../tests/data/tls/server.key");

/// A directory with a kubeconfig and the files that it names.
struct Directory(tempfile::TempDir);

impl Directory {
    fn new() -> Self {
        let directory = Self(tempfile::tempdir().unwrap());
        for (name, content) in [
            ("ca.pem", CA),
            ("client.pem", CERTIFICATE),
            ("client.key", KEY),
            ("token", b"from-file\n"),
            ("garbage", b"garbage"),
        ] {
            directory.write(name, content);
        }
        directory
    }

    fn write(&self, name: &str, content: &[u8]) {
        std::fs::write(self.0.path().join(name), content).unwrap();
    }

    fn read(&self, text: &str) -> Result<ServerSettings, ClientError> {
        self.write("config", text.as_bytes());
        read(&self.0.path().join("config"))
    }

    /// Returns the error, which begins with the path of the kubeconfig, without that path.
    fn error(&self, text: &str) -> String {
        let error = self.read(text).err().unwrap_or_else(|| panic!("accepted: {text}")).to_string();
        let path = format!("kubeconfig {}", self.0.path().join("config").display());
        error.strip_prefix(&path).unwrap_or_else(|| panic!("{error}")).to_owned()
    }
}

/// A kubeconfig whose current context has these lines in its cluster and its user.
fn config(cluster: &str, user: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\npreferences: {{}}\ncurrent-context: here\ncontexts:\n\
         - {{name: elsewhere, context: {{cluster: other, user: other}}}}\n\
         - {{name: here, context: {{cluster: own, user: agent}}}}\n\
         clusters:\n- {{name: other, cluster: {{server: 'https://other.example'}}}}\n\
         - name: own\n  cluster:\n    server: https://10.0.0.1:6443\n    {cluster}\n\
         users:\n- {{name: other, user: {{exec: {{command: aws}}}}}}\n\
         - name: agent\n  user:\n    {user}\n"
    )
}

fn base64(content: &[u8]) -> String {
    STANDARD.encode(content)
}

fn header(settings: &ServerSettings) -> String {
    let header = settings.token.as_ref().unwrap().header().unwrap();
    assert!(header.is_sensitive());
    header.to_str().unwrap().to_owned()
}

#[test]
fn the_current_context_is_used() {
    let directory = Directory::new();
    let settings = directory.read(&config("", "token: secret")).unwrap();
    assert_eq!(settings.url.to_string(), "https://10.0.0.1:6443/");
    assert_eq!(settings.namespace, "default");
    assert_eq!(header(&settings), "Bearer secret");
    assert!(matches!(settings.tls.roots, Roots::System));
    assert!(settings.tls.identity.is_none() && settings.tls.server_name.is_none() && !settings.tls.insecure);

    let text = config("", "token: secret").replace("user: agent", "namespace: agents");
    let settings = directory.read(&text).unwrap();
    assert_eq!(settings.namespace, "agents");
    assert!(settings.token.is_none(), "a context without a user has no credentials");
}

#[test]
fn json_and_a_byte_order_mark_are_accepted() {
    let json = r#"{"current-context": "a", "contexts": [{"name": "a", "context": {"cluster": "b", "user": ""}}],
        "clusters": [{"name": "b", "cluster": {"server": "http://127.0.0.1:8001/prefix"}}], "users": null}"#;
    let settings = Directory::new().read(&format!("\u{feff}{json}")).unwrap();
    assert_eq!(settings.url.to_string(), "http://127.0.0.1:8001/prefix");
}

#[test]
fn authorities_come_from_data_or_a_file() {
    let directory = Directory::new();
    let data = base64(CA);
    let (first, second) = data.split_at(64);
    for line in [
        format!("certificate-authority-data: {data}\n    certificate-authority: /missing"),
        format!("certificate-authority-data: |\n      {first}\n      {second}"),
    ] {
        let roots = directory.read(&config(&line, "{}")).unwrap().tls.roots;
        assert!(matches!(roots, Roots::Certificates(certificates) if certificates.len() == 1));
    }
    let absolute = directory.0.path().join("ca.pem");
    for path in ["ca.pem", "./ca.pem", absolute.to_str().unwrap()] {
        let line = format!("certificate-authority: {path}\n    certificate-authority-data: ''");
        match directory.read(&config(&line, "{}")).unwrap().tls.roots {
            Roots::File { path, certificates, .. } => {
                assert_eq!(path.canonicalize().unwrap(), absolute.canonicalize().unwrap());
                assert_eq!(certificates.len(), 1);
            }
            _ => panic!("the file is not watched"),
        }
    }
}

#[test]
fn tls_settings_are_read() {
    let lines =
        "insecure-skip-tls-verify: true\n    tls-server-name: node-a.example\n    disable-compression: true";
    let tls = Directory::new().read(&config(lines, "{}")).unwrap().tls;
    assert!(tls.insecure);
    assert_eq!(tls.server_name.unwrap().to_str(), "node-a.example");
}

#[test]
fn a_token_file_has_precedence_and_is_relative_to_the_kubeconfig() {
    let directory = Directory::new();
    let settings = directory.read(&config("", "token: secret\n    tokenFile: token")).unwrap();
    assert_eq!(header(&settings), "Bearer from-file");
    let path = directory.0.path().join("config");
    assert!(check_kubeconfig(&path).is_ok());
    directory.read(&config("", "tokenFile: absent")).unwrap();
    let error = check_kubeconfig(&path).unwrap_err().to_string();
    assert!(error.contains("/absent: No such file"), "{error}");
}

#[test]
fn client_certificates_come_from_data_or_files() {
    let directory = Directory::new();
    for (certificate, key) in [
        ("client-certificate: client.pem".to_owned(), "client-key: client.key".to_owned()),
        (
            format!("client-certificate-data: {}", base64(CERTIFICATE)),
            format!("client-key-data: {}", base64(KEY)),
        ),
        (format!("client-certificate-data: {}", base64(CERTIFICATE)), "client-key: client.key".to_owned()),
    ] {
        let mut tls = directory.read(&config("", &format!("{certificate}\n    {key}"))).unwrap().tls;
        assert_eq!(tls.identity.as_ref().unwrap().cert.len(), 1);
        tls.roots = Roots::Certificates(Vec::new());
        let client = tls::client_config(tls, "the test").unwrap();
        assert!(client.client_auth_cert_resolver.has_certs());
    }
}

#[test]
fn other_credentials_are_refused_with_their_position() {
    let directory = Directory::new();
    // The user's first line.
    let at = config("", "HERE").lines().position(|line| line.contains("HERE")).unwrap() + 1;
    for (line, key) in [
        ("exec: {command: aws, args: [eks, get-token]}", "exec"),
        ("auth-provider: {name: gcp}", "auth-provider"),
        ("username: admin", "username"),
        ("password: secret", "password"),
        ("as: admin", "as"),
        ("as-uid: '1'", "as-uid"),
        ("as-groups: [admins]", "as-groups"),
        ("as-user-extra: {a: [b]}", "as-user-extra"),
    ] {
        let error = directory.error(&config("", &format!("{line}\n    token: secret")));
        let start = format!(":{at}:5: `users[1].user.{key}` is not supported: ");
        assert!(error.starts_with(&start) && !error.contains("secret"), "{error}");
        assert!(error.contains("`tokenFile`") || error.contains("grant the permissions"), "{error}");
    }
    for empty in ["exec: null", "exec:", "as: ''", "as-groups: []", "auth-provider: {}"] {
        assert!(directory.read(&config("", empty)).is_ok(), "{empty}");
    }
}

#[test]
fn errors_in_the_cluster_name_position_and_key() {
    let directory = Directory::new();
    let at = config("HERE", "{}").lines().position(|line| line.contains("HERE")).unwrap() + 1;
    let garbage = base64(b"garbage");
    for (line, expected) in [
        ("proxy-url: 'http://proxy:3128'", "proxy-url` is not supported"),
        ("insecure-skip-tls-verify: 'true'", "insecure-skip-tls-verify`: expected true or false, found text"),
        ("insecure-skip-tls-verify: yes", "insecure-skip-tls-verify`: expected true or false, found text"),
        ("tls-server-name: 'a b'", "tls-server-name` is not a DNS name or an IP address"),
        ("tls-server-name: [a]", "tls-server-name`: expected text, found a list"),
        ("certificate-authority-data: '!'", "certificate-authority-data` is not base64"),
        (&format!("certificate-authority-data: {garbage}"), "contains no certificate"),
        ("certificate-authority: missing", "/missing: No such file"),
        ("certificate-authority: .", "is not a regular file"),
        ("certificate-authority: garbage", "/garbage: the PEM text contains no certificate"),
    ] {
        let error = directory.error(&config(line, "{}"));
        let start = format!(":{at}:5: `clusters[1].cluster.");
        assert!(error.starts_with(&start) && error.contains(expected), "{line}: {error}");
    }
    for url in ["10.0.0.1:6443", "ftp://10.0.0.1", "https://", "''", "https://user:secret@10.0.0.1", "a b"] {
        let error = directory.error(&config("", "{}").replace("https://10.0.0.1:6443", url));
        let start = ":12:5: `clusters[1].cluster.server` is not the URL of an API server, such as https://";
        let missing = ":12:5: `clusters[1].cluster`: the cluster has no `server`";
        assert!(error.starts_with(start) || url == "''" && error == missing, "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
}

#[test]
fn errors_in_the_user_name_position_and_key_and_show_no_secret() {
    let directory = Directory::new();
    let at = config("", "HERE").lines().position(|line| line.contains("HERE")).unwrap() + 1;
    let garbage = base64(b"secret");
    for (lines, expected) in [
        ("token: \"secret\\nsecret\"", "token` invalid token: contains characters not allowed in a header"),
        ("token: {secret: 1}", "token`: expected text, found a mapping"),
        ("client-certificate: client.pem", "client-certificate` requires `client-key` or"),
        ("client-key: client.key", "client-key` requires `client-certificate` or"),
        ("client-certificate: missing\n    client-key: client.key", "/missing: No such file"),
        ("client-certificate: garbage\n    client-key: client.key", "contains no certificate"),
        ("client-certificate: client.pem\n    client-key: garbage", "contains no private key"),
        ("client-certificate: ca.pem\n    client-key: client.key", "unusable client certificate or key"),
        ("client-key-data: secret!", "client-key-data` is not base64"),
        (
            &format!("client-certificate: client.pem\n    client-key-data: {garbage}"),
            "contains no private key",
        ),
    ] {
        let error = directory.error(&config("", lines));
        let start = format!(":{at}:5: `users[1].user.");
        assert!(error.starts_with(&start) && error.contains(expected), "{lines}: {error}");
        assert!(!error.contains("secret") && !error.contains(&garbage), "{lines}: {error}");
    }
}

#[test]
fn missing_parts_are_named() {
    let directory = Directory::new();
    let whole = config("", "{}");
    for (from, to, expected) in [
        ("current-context: here\n", "", ":1:1: `current-context` is not set"),
        ("current-context: here", "current-context: ''", ":1:1: `current-context` is not set"),
        (
            "current-context: here",
            "current-context: x",
            ":4:1: `current-context` is \"x\", but `contexts` has",
        ),
        (
            "contexts:\n",
            "contexts: []\nothers:\n",
            ":4:1: `current-context` is \"here\", but `contexts` has no",
        ),
        (
            "cluster: own",
            "cluster: x",
            ":7:26: `contexts[1].context.cluster` is \"x\", but `clusters` has no",
        ),
        ("cluster: own, ", "", ":7:25: `contexts[1].context`: the context has no `cluster`"),
        (
            "user: agent",
            "user: x",
            ":7:40: `contexts[1].context.user` is \"x\", but `users` has no such name",
        ),
        ("  user:\n    {}", "  other: 1", ":16:3: `users[1]`: `user` is missing"),
        ("users:", "users: 1\nothers:", ":14:1: `users`: expected a list, found a number"),
        ("- {name: other, user:", "- name\n- {name: other, user:", ":15:3: `users[0]`: expected a mapping"),
    ] {
        assert!(whole.contains(from), "{from}");
        let error = directory.error(&whole.replace(from, to));
        assert!(error.starts_with(expected), "{from}: {error}");
    }
}

#[test]
fn other_files_are_errors() {
    let directory = Directory::new();
    for (text, expected) in [
        ("", ": the file is empty"),
        ("# nothing\n", ": the file is empty"),
        ("a: [1, 2\nb: 3\n", ":2:"),
        ("a: 1\n---\nb: 2\n", ":3:1: a second document"),
        ("text", ":1:1: expected a kubeconfig, a mapping with `clusters`, found text"),
        ("[1]", ":1:1: expected a kubeconfig, a mapping with `clusters`, found a list"),
    ] {
        let error = directory.error(text);
        assert!(error.starts_with(expected), "{text:?}: {error}");
    }
    let path = directory.0.path().join("config");
    std::fs::write(&path, b"a: \xff").unwrap();
    assert!(read(&path).err().unwrap().to_string().contains("utf-8"));
    std::fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
    assert!(read(&path).err().unwrap().to_string().contains("the limit is 1048576"));
    std::fs::remove_file(&path).unwrap();
    let error = read(&path).err().unwrap().to_string();
    assert!(error.contains("config: cannot read it: No such file"), "{error}");
}

#[tokio::test]
async fn a_client_is_created_from_a_kubeconfig() {
    let server = Server::start_tls(|_, request| {
        let known = request.header("authorization") == Some("Bearer secret")
            && request.header("user-agent") == Some("agent/1");
        if known { Response::ok().send("hello") } else { Response::status(401) }
    })
    .await;
    let directory = Directory::new();
    let client = |cluster: &str, user: &str| {
        let text = config(cluster, user).replace("https://10.0.0.1:6443", &format!("{}/base/", server.url));
        directory.write("config", text.as_bytes());
        let path = directory.0.path().join("config");
        api_client(&ApiSettings { kubeconfig: Some(path), user_agent: "agent/1".into() }).unwrap().0
    };
    let get = |client: kube::Client| async move {
        let request = http::Request::get("/api?a=b").body(Vec::new()).unwrap();
        client.request_text(request).await.map_err(|error| explain(&error, "get", "pods"))
    };
    let data = format!("certificate-authority-data: {}", base64(CA));
    assert_eq!(get(client(&data, "token: secret")).await.unwrap(), "hello");
    assert_eq!(get(client("certificate-authority: ca.pem", "token: secret")).await.unwrap(), "hello");
    let named = format!("{data}\n    tls-server-name: node-a.example");
    assert_eq!(get(client(&named, "token: secret")).await.unwrap(), "hello");
    assert_eq!(get(client("insecure-skip-tls-verify: true", "token: secret")).await.unwrap(), "hello");
    assert_eq!(server.paths(), ["/base/api?a=b"; 4]);

    let error = get(client(&data, "token: other")).await.unwrap_err();
    assert!(error.contains("401") && !error.contains("other"), "{error}");
    let error = get(client("", "token: secret")).await.unwrap_err();
    assert!(error.contains("not signed by a trusted CA"), "{error}");
    let named = format!("{data}\n    tls-server-name: node-b.example");
    let error = get(client(&named, "token: secret")).await.unwrap_err();
    assert!(error.contains("`tls-server-name`"), "{error}");
}
