use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::super::contract::{holds_for, read, records};
use super::*;

/// Tells the ignored half of a test, in a process of its own, which folder to open.
const FOLDER_VARIABLE: &str = "ZONEWATCH_TEST_FOLDER";

fn log_of(folder: &Path) -> PathBuf {
    folder.join("log.redb")
}

/// A folder with a log of these records, closed.
fn folder_with(texts: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    Folder::open(folder.path()).unwrap().append(0, &records(texts)).unwrap();
    folder
}

#[track_caller]
fn refused(folder: &Path) -> String {
    match Folder::open(folder) {
        Ok(_) => panic!("{} was opened", folder.display()),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_folder_keeps_the_contract() {
    let parent = tempfile::tempdir().unwrap();
    let made = std::cell::Cell::new(0);
    holds_for(&|| {
        made.set(made.get() + 1);
        Box::new(Folder::open(&parent.path().join(made.get().to_string())).unwrap())
    });
}

#[test]
fn what_was_appended_is_there_after_reopening() {
    let folder = folder_with(&["a", "b"]);
    let mut store = Folder::open(folder.path()).unwrap();
    assert_eq!(read(&store, 0), records(&["a", "b"]));
    store.append(2, &records(&["c"])).unwrap();
    drop(store);
    assert_eq!(read(&Folder::open(folder.path()).unwrap(), 0), records(&["a", "b", "c"]));
}

#[test]
fn what_was_appended_is_there_in_a_copy_of_a_log_that_was_never_closed() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Folder::open(folder.path()).unwrap();
    for position in 0..20 {
        store.append(position, &records(&["record"])).unwrap();
        let copy = tempfile::tempdir().unwrap();
        std::fs::copy(log_of(folder.path()), log_of(copy.path())).unwrap();
        let copied = Folder::open(copy.path()).unwrap();
        assert_eq!(read(&copied, 0).len() as u64, position + 1);
    }
}

#[test]
fn a_new_folder_and_its_files_are_for_their_owner_only() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("data");
    let _store = Folder::open(&folder).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    assert_eq!((mode(&log_of(&folder)), mode(&folder.join("owner"))), (0o600, 0o600));
}

#[test]
fn a_second_owner_in_this_process_is_refused_until_the_first_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let first = Folder::open(folder.path()).unwrap();
    let said = refused(folder.path());
    assert!(said.contains(&format!("process {}", std::process::id())), "{said}");
    assert!(said.contains(" since 20"), "{said}");
    drop(first);
    Folder::open(folder.path()).unwrap();
}

#[test]
fn a_second_owner_in_another_process_is_refused() {
    // The other process is this test once more, with the folder in its environment.
    if let Some(folder) = std::env::var_os(FOLDER_VARIABLE) {
        println!("{}", refused(Path::new(&folder)));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let _first = Folder::open(folder.path()).unwrap();
    let this = "store::folder::tests::a_second_owner_in_another_process_is_refused";
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", this, "--nocapture"])
        .env(FOLDER_VARIABLE, folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(said.contains(&format!("in use by process {} on ", std::process::id())), "{said}");
}

#[test]
fn a_creation_that_was_cut_off_is_begun_again() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("log.redb.new"), b"half of a").unwrap();
    let mut store = Folder::open(folder.path()).unwrap();
    store.append(0, &records(&["a"])).unwrap();
    assert!(!folder.path().join("log.redb.new").exists());
}

#[test]
fn a_file_that_is_no_log_is_refused_and_left_as_it_was() {
    for (bytes, said) in [(&b""[..], "empty"), (b"redb", "not a redb"), (&[7; 9000], "not a redb")]
    {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(log_of(folder.path()), bytes).unwrap();
        let error = refused(folder.path());
        assert!(error.contains(said) && error.contains("log.redb"), "{error}");
        assert!(error.contains("nothing was changed"), "{error}");
        assert_eq!(std::fs::read(log_of(folder.path())).unwrap(), bytes);
    }
}

#[test]
fn a_database_of_another_program_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let theirs = Database::create(log_of(folder.path())).unwrap();
    let writing = theirs.begin_write().unwrap();
    writing.open_table(redb::TableDefinition::<u64, u64>::new("theirs")).unwrap();
    writing.commit().unwrap();
    drop(theirs);
    let error = refused(folder.path());
    assert!(error.contains("another program"), "{error}");
}

#[test]
fn a_newer_format_is_refused_with_the_versions_that_are_understood() {
    let folder = tempfile::tempdir().unwrap();
    let newer = Database::create(log_of(folder.path())).unwrap();
    create_tables(&newer, FORMAT + 1).unwrap();
    drop(newer);
    let error = refused(folder.path());
    assert!(error.contains("format 4") && error.contains("understands formats 1 to 3"), "{error}");
}

#[test]
fn a_truncated_log_is_refused_wherever_it_was_cut_and_left_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Some(Folder::open(folder.path()).unwrap());
    let large = vec![Bytes::from(vec![7; 100_000]); 30];
    store.as_mut().unwrap().append(0, &large).unwrap();
    // A copy of the open file, so that the cut is found under repair, too.
    for closed in [false, true] {
        let whole = std::fs::read(log_of(folder.path())).unwrap();
        for cut in [9, 100, 320, 4_096, 10_000, 1_000_000, whole.len() / 2, whole.len() / 10 * 9] {
            let torn = tempfile::tempdir().unwrap();
            std::fs::write(log_of(torn.path()), &whole[..cut]).unwrap();
            let error = refused(torn.path());
            assert!(error.contains("log.redb"), "cut at {cut}, closed {closed}: {error}");
            let after = std::fs::read(log_of(torn.path())).unwrap();
            assert!(after == whole[..cut], "cut at {cut}, closed {closed}: the file was changed");
        }
        store = None;
    }
    assert!(store.is_none());
}

#[test]
fn a_log_of_an_older_format_is_opened_and_brought_up_to_date_with_every_record() {
    // Written by versions of those days: three targets, two that refuse and one that cannot be reached.
    for fixture in ["format-1.redb", "format-2.redb"] {
        let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(Path::new(fixtures).join(fixture), log_of(folder.path())).unwrap();
        opened_twice(&folder);
    }
}

/// Each time it is all there, and more can be written.
fn opened_twice(folder: &tempfile::TempDir) {
    for _ in 0..2 {
        let mut store = Folder::open(folder.path()).unwrap();
        let found = read(&store, 0);
        assert_eq!(store.tail().unwrap(), found.len() as u64);
        assert!(found.len() > 10, "{}", found.len());
        let state = crate::leader::lead(
            &mut store,
            |newest| std::sync::Arc::new(move || newest),
            std::time::Duration::from_secs(3600),
            std::time::Duration::from_secs(3600),
        );
        assert_eq!(state.unwrap().state.targets().len(), 3);
        store.put_part("a", &Bytes::from_static(b"x")).unwrap();
    }
    let database = builder().open(log_of(folder.path())).unwrap();
    assert_eq!(format_of(&database).unwrap(), Some(FORMAT));
}
