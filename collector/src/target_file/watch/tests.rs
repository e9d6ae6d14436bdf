use super::*;
use crate::target_file::{Defaults, Problem, Secrets, read};

fn file(text: &str) -> TargetFile {
    let seconds = Duration::from_secs;
    let defaults = Defaults::new(seconds(600), seconds(10), []).expect("good defaults");
    read(text.as_bytes(), "t.csv", &defaults, &Secrets::default()).expect("a good file")
}

/// A file of this many targets.
fn targets(count: usize) -> TargetFile {
    let rows = (0..count).map(|n| format!("t{n},http://t{n}/\n"));
    file(&format!("name,url\n{}", rows.collect::<String>()))
}

fn broken() -> FileError {
    FileError { path: "t.csv".into(), problem: Problem::Empty }
}

fn look(number: u64) -> Look {
    Look::File { modified: None, len: number, inode: 1 }
}

/// A watch, and the time as it tells it.
struct Story {
    watch: Watch,
    now: Instant,
}

impl Story {
    fn of(count: usize) -> Self {
        Self { watch: Watch::new(&targets(count)), now: Instant::now() }
    }

    fn after(&mut self, ms: u64) -> &mut Self {
        self.now += Duration::from_millis(ms);
        self
    }

    fn observe(&mut self, number: u64) -> Step {
        self.watch.observe(self.now, look(number))
    }

    fn judge(&mut self, read: Result<&TargetFile, &FileError>) -> Judgement {
        self.watch.judge(self.now, read)
    }

    /// Lets a look settle and be read.
    #[track_caller]
    fn settle(&mut self, number: u64) -> &mut Self {
        self.observe(number);
        assert_eq!(self.after(200).observe(number), Step::Read);
        self
    }
}

const MS: fn(u64) -> Duration = Duration::from_millis;

#[test]
fn a_change_is_read_when_it_has_stood_still_and_only_once() {
    let mut story = Story::of(1);
    assert_eq!(story.observe(1), Step::LookAfter(SETTLE));
    assert_eq!(story.after(150).observe(1), Step::LookAfter(MS(50)));
    assert_eq!(story.after(50).observe(1), Step::Read);
    assert_eq!(story.judge(Ok(&targets(1))), Judgement::Nothing);
    assert_eq!(story.after(400).observe(1), Step::LookAfter(LOOK_EVERY));
    assert_eq!(story.after(400).observe(2), Step::LookAfter(SETTLE));
    assert_eq!(story.after(200).observe(2), Step::Read);
    assert_eq!(story.judge(Ok(&targets(2))), Judgement::Take);
    assert_eq!(story.watch.targets(), 2);
    assert_eq!(story.after(400).observe(2), Step::LookAfter(LOOK_EVERY));
}

#[test]
fn a_file_that_is_still_being_written_is_not_read() {
    let mut story = Story::of(1);
    for number in 0..50 {
        assert_eq!(story.after(199).observe(number), Step::LookAfter(SETTLE));
    }
    assert_eq!(story.after(200).observe(49), Step::Read);
}

#[test]
fn a_change_is_noticed_within_a_second() {
    assert!(LOOK_EVERY + SETTLE < Duration::from_secs(1));
}

#[test]
fn a_bad_file_changes_nothing_and_is_said_once() {
    let mut story = Story::of(3);
    assert_eq!(story.settle(1).judge(Err(&broken())), Judgement::Refuse);
    assert_eq!(story.settle(2).judge(Err(&broken())), Judgement::Nothing);
    assert_eq!(story.watch.targets(), 3);
    assert_eq!(story.settle(3).judge(Ok(&targets(3))), Judgement::Nothing);
    assert_eq!(story.settle(4).judge(Err(&broken())), Judgement::Refuse, "it was good in between");
}

#[test]
fn a_file_that_is_gone_settles_like_any_other() {
    let mut story = Story::of(1);
    let gone = || Look::Gone("no such file".into());
    assert_eq!(story.watch.observe(story.now, gone()), Step::LookAfter(SETTLE));
    story.after(200);
    assert_eq!(story.watch.observe(story.now, gone()), Step::Read);
    assert_eq!(story.judge(Err(&broken())), Judgement::Refuse);
    story.after(400);
    assert_eq!(story.watch.observe(story.now, gone()), Step::LookAfter(LOOK_EVERY));
}

#[test]
fn a_file_that_loses_over_thirty_percent_is_taken_after_a_minute_the_same() {
    let mut story = Story::of(10);
    assert_eq!(story.settle(1).judge(Ok(&targets(6))), Judgement::Hold { lost: 4, of: 10 });
    assert_eq!(story.after(59_000).observe(1), Step::LookAfter(LOOK_EVERY));
    assert_eq!(story.after(1_000).observe(1), Step::Read);
    assert_eq!(story.judge(Ok(&targets(6))), Judgement::Take);
    assert_eq!(story.watch.targets(), 6);
}

#[test]
fn a_held_file_that_changes_begins_its_minute_again_and_one_only_touched_does_not() {
    let mut story = Story::of(10);
    assert_eq!(story.settle(1).judge(Ok(&targets(6))), Judgement::Hold { lost: 4, of: 10 });
    assert_eq!(story.after(30_000).settle(2).judge(Ok(&targets(6))), Judgement::Nothing);
    assert_eq!(
        story.after(15_000).settle(3).judge(Ok(&targets(5))),
        Judgement::Hold { lost: 5, of: 10 }
    );
    assert_eq!(story.after(30_000).observe(3), Step::LookAfter(LOOK_EVERY));
    assert_eq!(story.after(30_000).observe(3), Step::Read);
    assert_eq!(story.judge(Ok(&targets(5))), Judgement::Take);
}

#[test]
fn a_held_file_that_is_put_right_is_taken_at_once() {
    let mut story = Story::of(10);
    assert_eq!(story.settle(1).judge(Ok(&targets(2))), Judgement::Hold { lost: 8, of: 10 });
    assert_eq!(story.settle(2).judge(Ok(&targets(11))), Judgement::Take);
    assert_eq!(story.after(60_000).observe(2), Step::LookAfter(LOOK_EVERY));
}

#[test]
fn a_file_that_replaces_most_names_by_others_loses_them() {
    let mut story = Story::of(3);
    let others = file("name,url\nx,http://x/\ny,http://y/\nz,http://z/\nt0,http://t0/\n");
    assert_eq!(story.settle(1).judge(Ok(&others)), Judgement::Hold { lost: 2, of: 3 });
}

#[test]
fn bad_rows_lose_no_targets() {
    let mut story = Story::of(3);
    let after = file("name,url\nt0,http://t0/\nt1,oops\nt2,oops\n");
    assert_eq!(story.settle(1).judge(Ok(&after)), Judgement::Take);
    assert_eq!(story.watch.targets(), 3);
}

#[test]
fn a_remote_list_is_asked_for_by_its_version_until_one_that_was_held_back_is_due() {
    let mut story = Story::of(10);
    let named = |name: &str| Some(Version(name.to_owned()));
    let small = targets(3);
    story.watch.judged_version(named("small"));
    assert_eq!(story.judge(Ok(&small)), Judgement::Hold { lost: 7, of: 10 });
    assert_eq!(story.watch.known(story.now), named("small").as_ref(), "it need not come again");
    story.after(60_000);
    assert_eq!(story.watch.known(story.now), None, "it is due: its rows are wanted");
    assert_eq!(story.judge(Ok(&small)), Judgement::Take);
    assert_eq!(story.watch.known(story.now), named("small").as_ref());
}
